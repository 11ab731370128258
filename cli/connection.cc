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

std::string common_headers(const Endpoint& endpoint, Language language) {
    std::string out = "User-Agent: khu\r\nAccept-Language: ";
    out += language == Language::Vietnamese ? "vi\r\n" : "en\r\n";
    if (!endpoint.token.empty()) {
        out += "Authorization: Bearer " + endpoint.token + "\r\n";
    }
    return out;
}

bool is_success(int status) {
    return status >= 200 && status < 300;
}

}  // namespace

Connection::Connection(Endpoint endpoint, Language language)
    : endpoint_(std::move(endpoint)),
      language_(language),
      transport_(endpoint_.path.empty()
                     ? tls_transport(endpoint_.host, endpoint_.port, endpoint_.ca_file)
                     : unix_transport(endpoint_.path)) {}

Failure Connection::failure_of(const NetFault& fault, bool maybe_done) const {
    if (fault.stage == NetFault::Stage::Interrupted) {
        return unreachable(std::string(words(Message::Interrupted, language_)), "");
    }
    if (fault.stage == NetFault::Stage::Connect && !maybe_done) {
        const Message remedy =
            endpoint_.path.empty() ? Message::UnreachableRemedy : Message::UnreachableSocketRemedy;
        return unreachable(say(Message::Unreachable, language_, {endpoint_.url, fault.why}),
                           std::string(words(remedy, language_)));
    }
    Failure failure =
        unreachable(say(Message::ConnectionBroke, language_, {endpoint_.url, fault.why}),
                    maybe_done ? std::string(words(Message::MaybeDone, language_)) : "");
    failure.maybe_done = maybe_done;
    return failure;
}

Failure Connection::refusal_of(const HttpHead& head, const std::string& body) const {
    const Expected<wire::Problem, Failure> problem = decode<wire::Problem>(body, language_);
    if (problem && !problem->code.empty()) {
        Failure failure = from_problem(*problem, language_);
        failure.status = head.status;
        return failure;
    }
    Failure failure =
        internal(say(Message::OddAnswer, language_,
                     {endpoint_.url, std::to_string(head.status), body.substr(0, 200)}),
                 "");
    failure.status = head.status;
    return failure;
}

Expected<std::string, Failure> Connection::ask(HttpRequest request, bool repeatable) {
    request.headers += common_headers(endpoint_, language_);
    const Span give_up = monotonic_now() + patience();
    Span pause = kFirstPause;
    bool sent = false;
    for (;;) {
        std::string body;
        const Expected<HttpHead, NetFault> head =
            transport_->exchange(request, [&body](const HttpHead&, std::string_view piece) {
                body += piece;
                return body.size() < kBodyBytesMax;
            });
        if (head) {
            return is_success(head->status) ? Expected<std::string, Failure>(std::move(body))
                                            : Unexpected{refusal_of(*head, body)};
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
    return ask(HttpRequest{.target = target}, true);
}

Expected<std::string, Failure> Connection::get(const std::string& target, Span idle) {
    return ask(HttpRequest{.target = target, .idle = idle}, true);
}

Expected<std::string, Failure> Connection::post(const std::string& target, std::string body,
                                                const std::string& idempotency_key) {
    HttpRequest request{.method = "POST", .target = target, .body = std::move(body)};
    if (!idempotency_key.empty()) {
        request.headers = "Idempotency-Key: " + idempotency_key + "\r\n";
    }
    return ask(std::move(request), !idempotency_key.empty());
}

Expected<std::string, Failure> Connection::remove(const std::string& target) {
    return ask(HttpRequest{.method = "DELETE", .target = target}, false);
}

Expected<Done, Failure> Connection::stream(const std::string& target, Span idle, const Sink& sink) {
    HttpRequest request{.target = target, .idle = idle};
    request.headers = common_headers(endpoint_, language_);
    std::string refusal;
    const Expected<HttpHead, NetFault> head =
        transport_->exchange(request, [&](const HttpHead& about, std::string_view piece) {
            if (is_success(about.status)) {
                return sink(piece);
            }
            refusal += piece.substr(0, kBodyBytesMax);
            return true;
        });
    if (!head) {
        return Unexpected{failure_of(head.error(), false)};
    }
    if (!is_success(head->status)) {
        return Unexpected{refusal_of(*head, refusal)};
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

std::string percent_encode(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += '%';
            out += digits[byte >> 4U];
            out += digits[byte & 15U];
        }
    }
    return out;
}

std::string query(std::initializer_list<std::pair<std::string_view, std::string>> parts) {
    std::string out;
    for (const auto& [key, value] : parts) {
        if (!value.empty()) {
            out += out.empty() ? "?" : "&";
            out += key;
            out += '=' + percent_encode(value);
        }
    }
    return out;
}

}  // namespace khu::cli
