#include "cli/session.h"

#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace khu::cli {
namespace {

Format format_of(const Arguments& arguments) {
    const std::string name = arguments.text("--format");
    if (name == "json") {
        return Format::Json;
    }
    if (name == "csv") {
        return Format::Csv;
    }
    return name == "wide" ? Format::Wide : Format::Table;
}

int terminal_width() {
    if (::isatty(STDOUT_FILENO) == 0) {
        return 0;
    }
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return 80;
}

int utc_offset_minutes(Moment at) {
    const time_t whole = at.value / 1000;
    tm local{};
    ::localtime_r(&whole, &local);
    return static_cast<int>(local.tm_gmtoff / 60);
}

}  // namespace

Session::Session(const Command& the_command, Arguments the_arguments, Language the_language)
    : command(the_command),
      arguments(std::move(the_arguments)),
      language(the_language),
      format(format_of(arguments)) {}

Expected<Connection*, Failure> Session::zone() {
    if (connection_ == nullptr) {
        Expected<Endpoint, Failure> endpoint =
            find_endpoint(arguments.text("--endpoint"), language);
        if (!endpoint) {
            return Unexpected{std::move(endpoint).error()};
        }
        connection_ = std::make_unique<Connection>(*std::move(endpoint), language);
    }
    return connection_.get();
}

void Session::print(std::string_view text) const {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

void Session::note(std::string_view text) const {
    std::fprintf(stderr, "khu: %.*s\n", static_cast<int>(text.size()), text.data());
}

void Session::report(const Failure& failure) const {
    const std::string text = format_failure(failure, words(command.refused, language));
    std::fwrite(text.data(), 1, text.size(), stderr);
}

void Session::report_waiting(const Failure& why) const {
    const std::string text = format_failure(why, words(Message::WouldWait, language));
    std::fwrite(text.data(), 1, text.size(), stderr);
}

void Session::progress(std::string_view text) const {
    if (::isatty(STDERR_FILENO) != 0) {
        std::fprintf(stderr, "\r\033[K%.*s", static_cast<int>(text.size()), text.data());
        std::fflush(stderr);
    }
}

bool Session::is_terminal() const {
    return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0;
}

void Session::present(const Table& table, std::string_view body) const {
    const int width = terminal_width();
    switch (format) {
        case Format::Json:
            print(body);
            print(body.ends_with('\n') ? "" : "\n");
            return;
        case Format::Csv:
            return print(format_csv(table));
        case Format::Wide:
            return print(format_table(table, {.bold = width > 0, .wide = true}));
        case Format::Table:
            return print(format_table(table, {.width = width, .bold = width > 0}));
    }
}

void Session::present_sheet(const Table& table, std::string_view body) const {
    if (format == Format::Json || format == Format::Csv) {
        present(table, body);
    } else {
        print(format_sheet(table));
    }
}

std::string Session::say(Message message, std::initializer_list<std::string_view> values) const {
    return cli::say(message, language, values);
}

Cell Session::when(Moment at) const {
    if (at == Moment{0}) {
        return "";
    }
    const std::string utc = format_utc(at);
    return {arguments.has("--utc") ? utc : format_local(at, utc_offset_minutes(at)), utc};
}

std::string Session::operand() const {
    return arguments.operands.empty() ? "" : arguments.operands.front();
}

Moment wall_now() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return Moment{now.tv_sec * 1000 + now.tv_nsec / 1'000'000};
}

}  // namespace khu::cli
