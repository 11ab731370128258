#pragma once

/// \file
/// One run of `khu`: what was typed, the reader's language and terminal, and the connection, which
/// is made when a command first needs it. Commands write through it: answers to standard output,
/// notes and progress to standard error.

#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "cli/connection.h"
#include "cli/decode.h"
#include "cli/option.h"
#include "cli/table.h"

namespace khu::cli {

enum class Format { Table, Wide, Json, Csv };

/// An answer understood, and the very text of it for --format json.
template <class Answer>
struct Received {
    Answer answer;
    std::string body;
};

class Session {
public:
    Session(const Command& the_command, Arguments the_arguments, Language the_language);

    const Command& command;
    const Arguments arguments;
    const Language language;
    const Format format;

    /// Errors: the endpoint or token given makes no sense.
    Expected<Connection*, Failure> zone();

    template <class Answer>
    Expected<Received<Answer>, Failure> get(const std::string& target);
    /// Every page of a listing as one answer; the body is khud's own if one page was enough.
    template <class Page, class Row>
    Expected<Received<Page>, Failure> get_all(const std::string& path,
                                              std::vector<Row> Page::* rows);
    template <class Answer>
    Expected<Received<Answer>, Failure> post(const std::string& target, std::string body,
                                             const std::string& key = "");

    void print(std::string_view text) const;
    /// A line on standard error, after "khu: ".
    void note(std::string_view text) const;
    /// A failure that does not end the command: one of several jobs.
    void report(const Failure& failure) const;
    /// Why something waits, on standard error.
    void report_waiting(const Failure& why) const;
    /// Overwrites the last progress line; nothing unless standard error is a terminal. Empty:
    /// erase.
    void progress(std::string_view text) const;
    [[nodiscard]] bool is_terminal() const;

    /// The table in the format that was asked for, or `body` as it came for json.
    void present(const Table& table, std::string_view body) const;
    /// The same for one thing: a sheet instead of one long row.
    void present_sheet(const Table& table, std::string_view body) const;

    [[nodiscard]] std::string say(Message message,
                                  std::initializer_list<std::string_view> values = {}) const;
    /// Local time with its offset, or UTC with --utc; "" for 0. Raw: UTC.
    [[nodiscard]] Cell when(Moment at) const;
    /// The first operand; "" if there is none.
    [[nodiscard]] std::string operand() const;

private:
    std::unique_ptr<Connection> connection_;
};

template <class Answer>
Expected<Received<Answer>, Failure> understood(Expected<std::string, Failure> body,
                                               Language language) {
    if (!body) {
        return Unexpected{std::move(body).error()};
    }
    Expected<Answer, Failure> answer = decode<Answer>(*body, language);
    if (!answer) {
        return Unexpected{std::move(answer).error()};
    }
    return Received<Answer>{*std::move(answer), *std::move(body)};
}

template <class Answer>
Expected<Received<Answer>, Failure> Session::get(const std::string& target) {
    Expected<Connection*, Failure> khud = zone();
    if (!khud) {
        return Unexpected{std::move(khud).error()};
    }
    return understood<Answer>((*khud)->get(target), language);
}

template <class Page, class Row>
Expected<Received<Page>, Failure> Session::get_all(const std::string& path,
                                                   std::vector<Row> Page::* rows) {
    Expected<Received<Page>, Failure> all = get<Page>(path);
    if (!all || all->answer.next.empty()) {
        return all;
    }
    while (!all->answer.next.empty()) {
        Expected<Received<Page>, Failure> page =
            get<Page>(path + query({{"after", all->answer.next}}));
        if (!page) {
            return page;
        }
        std::vector<Row>& more = page->answer.*rows;
        (all->answer.*rows)
            .insert((all->answer.*rows).end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
        all->answer.next = std::move(page->answer.next);
    }
    all->body = encode(all->answer);
    return all;
}

template <class Answer>
Expected<Received<Answer>, Failure> Session::post(const std::string& target, std::string body,
                                                  const std::string& key) {
    Expected<Connection*, Failure> khud = zone();
    if (!khud) {
        return Unexpected{std::move(khud).error()};
    }
    return understood<Answer>((*khud)->post(target, std::move(body), key), language);
}

/// Milliseconds since 1970 on this machine's clock.
Moment wall_now();

}  // namespace khu::cli
