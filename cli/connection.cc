#include "cli/connection.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "cli/decode.h"

namespace khu::cli {
namespace {

constexpr Span kIdle = seconds(60);
constexpr Span kPatience = seconds(30);
constexpr Span kFirstPause = milliseconds(50);
constexpr Span kLongestPause = seconds(1);
constexpr std::size_t kBodyBytesMax = 1ULL << 30U;

Span patience() {
    const char* value = std::getenv("KHU_RETRY_SECONDS");
    return value == nullptr ? kPatience : seconds(std::atoi(value));
}

Span monotonic_now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return seconds(now.tv_sec) + milliseconds(now.tv_nsec / 1'000'000);
}

void pause_for(Span span) {
    const timespec wait{.tv_sec = span.value / 1000, .tv_nsec = span.value % 1000 * 1'000'000};
    ::nanosleep(&wait, nullptr);
}

wire::net::Request request_of(std::string method, const std::string& target,
                              const Endpoint& endpoint, Language language) {
    wire::net::Request request{.method = std::move(method), .target = target};
    request.headers = {{"User-Agent", "khu"},
                       {"Accept-Language", language == Language::Vietnamese ? "vi" : "en"}};
    if (!endpoint.token.empty()) {
        request.headers.emplace_back("Authorization", "Bearer " + endpoint.token);
    }
    return request;
}

/// khud asks to slow down (H429); 429 without the header is a refusal that waiting does not lift.
bool is_too_fast(const wire::net::Response& head) {
    return head.status == 429 && !head.header("Retry-After").empty();
}

/// At least what khud says, and a little more, so that those who were told at once do not come back
/// at once.
Span wait_told(const wire::net::Response& head) {
    const std::string told(head.header("Retry-After"));
    const std::int64_t whole = std::clamp<std::int64_t>(std::atoll(told.c_str()), 1, 3600);
    return seconds(whole) + milliseconds(::getpid() % 250);
}

bool is_success(int status) {
    return status >= 200 && status < 300;
}

}  // namespace

Connection::Connection(Endpoint endpoint, Language language)
    : endpoint_(std::move(endpoint)),
      language_(language),
      transport_(endpoint_.address, endpoint_.authority) {}

Failure Connection::failure_of(const NetFault& fault, bool maybe_done) const {
    if (fault.stage == NetFault::Stage::Interrupted) {
        return unreachable(std::string(words(Message::Interrupted, language_)), "");
    }
    Failure failure = from_refusal(fault.refusal, language_);
    failure.exit = ExitCode::Unreachable;
    failure.maybe_done = maybe_done;
    if (maybe_done) {
        failure.remedy = words(Message::MaybeDone, language_);
    }
    return failure;
}

Failure Connection::refusal_of(int status, const std::string& body) const {
    const Expected<wire::Problem, Failure> problem = decode<wire::Problem>(body, language_);
    if (problem && !problem->code.empty()) {
        Failure failure = from_problem(*problem, language_);
        failure.status = status;
        return failure;
    }
    Failure failure = internal(say(Message::OddAnswer, language_,
                                   {endpoint_.url, std::to_string(status), body.substr(0, 200)}),
                               "");
    failure.status = status;
    return failure;
}

Expected<std::string, Failure> Connection::ask(wire::net::Request request, Span idle,
                                               bool repeatable) {
    const Span give_up = monotonic_now() + patience();
    Span pause = kFirstPause;
    bool sent = false;
    for (;;) {
        std::string body;
        const Expected<wire::net::Response, NetFault> head = transport_.exchange(
            request, idle, [&body](const wire::net::Response&, std::string_view piece) {
                body += piece;
                return body.size() < kBodyBytesMax;
            });
        if (head && is_too_fast(*head) && monotonic_now() + wait_told(*head) < give_up) {
            pause_for(wait_told(*head));  // It was not done, so that anything may be sent again.
            if (!interrupted()) {
                continue;
            }
        }
        if (head) {
            return is_success(head->status) ? Expected<std::string, Failure>(std::move(body))
                                            : Unexpected{refusal_of(head->status, body)};
        }
        sent = sent || head.error().stage == NetFault::Stage::Exchange;
        const bool again = repeatable && sent && monotonic_now() + pause < give_up &&
                           head.error().stage != NetFault::Stage::Interrupted;
        if (!again) {
            return Unexpected{failure_of(head.error(), sent && request.method != "GET")};
        }
        pause_for(pause);
        pause = std::min(pause * 2, kLongestPause);
    }
}

Expected<std::string, Failure> Connection::get(const std::string& target) {
    return get(target, kIdle);
}

Expected<std::string, Failure> Connection::get(const std::string& target, Span idle) {
    return ask(request_of("GET", target, endpoint_, language_), idle, true);
}

Expected<std::string, Failure> Connection::post(const std::string& target, std::string body,
                                                const std::string& idempotency_key) {
    wire::net::Request request = request_of("POST", target, endpoint_, language_);
    request.headers.emplace_back("Content-Type", "application/json");
    if (!idempotency_key.empty()) {
        request.headers.emplace_back("Idempotency-Key", idempotency_key);
    }
    request.body = std::move(body);
    return ask(std::move(request), kIdle, !idempotency_key.empty());
}

Expected<std::string, Failure> Connection::remove(const std::string& target) {
    return ask(request_of("DELETE", target, endpoint_, language_), kIdle, false);
}

Expected<Done, Failure> Connection::stream(const std::string& target, Span idle, const Sink& sink) {
    std::string refusal;
    const Expected<wire::net::Response, NetFault> head =
        transport_.exchange(request_of("GET", target, endpoint_, language_), idle,
                            [&](const wire::net::Response& about, std::string_view piece) {
                                if (is_success(about.status)) {
                                    return sink(piece);
                                }
                                refusal += piece;
                                return refusal.size() < kBodyBytesMax;
                            });
    if (!head) {
        return Unexpected{failure_of(head.error(), false)};
    }
    if (!is_success(head->status)) {
        return Unexpected{refusal_of(head->status, refusal)};
    }
    return Done{};
}

std::string new_idempotency_key() {
    std::array<unsigned char, 16> bytes{};
    KHU_CHECK(::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const unsigned char byte : bytes) {
        out += digits[byte >> 4U];
        out += digits[byte & 15U];
    }
    return out;
}

std::string query(std::initializer_list<std::pair<std::string_view, std::string>> parts) {
    std::string out;
    for (const auto& [key, value] : parts) {
        if (!value.empty()) {
            out += out.empty() ? "?" : "&";
            out += key;
            out += '=' + wire::net::percent_encode(value);
        }
    }
    return out;
}

}  // namespace khu::cli
