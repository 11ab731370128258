#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "cli/commands/all.h"
#include "cli/given.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--from", "SEQ", Message::HelpWatchFrom},
});

constexpr Span kSilence = seconds(60);  ///< khud gives a sign of life each 15 s

/// The number after `key` at the start of a line; none if the line begins otherwise.
std::optional<std::uint64_t> number_at_start(std::string_view line, std::string_view key) {
    if (!line.starts_with(key)) {
        return std::nullopt;
    }
    line.remove_prefix(key.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    return error == std::errc{} && end != line.data() ? std::optional(number) : std::nullopt;
}

/// Prints whole events only, each once, and remembers where to go on. A pulse is not printed: it
/// says where to go on when all that happened meanwhile was not for us.
class EventPrinter {
public:
    explicit EventPrinter(const Session& session) : session_(session) {}

    void take(std::string_view piece) {
        pending_ += piece;
        std::size_t begin = 0;
        for (std::size_t end = pending_.find('\n'); end != std::string::npos;
             end = pending_.find('\n', begin)) {
            take_line(std::string_view(pending_).substr(begin, end + 1 - begin));
            begin = end + 1;
        }
        pending_.erase(0, begin);
        std::fflush(stdout);
    }
    /// A half line of a broken connection comes again, whole.
    void forget_half() { pending_.clear(); }
    [[nodiscard]] std::optional<std::uint64_t> next() const { return next_; }

private:
    void take_line(std::string_view line) {
        if (const auto resume = number_at_start(line, R"({"resume_from":)")) {
            next_ = std::max(next_.value_or(0), *resume);
            return;
        }
        const auto number = number_at_start(line, R"({"seq":)");
        if (!number || *number < next_.value_or(0)) {
            return;
        }
        session_.print(line);
        next_ = *number + 1;
    }

    const Session& session_;
    std::string pending_;
    std::optional<std::uint64_t> next_;
};

void pause_briefly() {
    const timespec wait{.tv_sec = 0, .tv_nsec = 300'000'000};
    ::nanosleep(&wait, nullptr);
}

/// Until it is killed, or khud refuses. A broken connection is made again.
Result run(Session& session) {
    const Expected<std::int64_t, Failure> first = given_number(session, "--from", 0);
    if (!first) {
        return Unexpected{first.error()};
    }
    const std::string given = session.arguments.text("--from");
    Expected<Connection*, Failure> khud = session.zone();
    if (!khud) {
        return Unexpected{std::move(khud).error()};
    }
    EventPrinter printer(session);
    bool reached = false;
    for (;;) {
        const std::string from = printer.next() ? std::to_string(*printer.next()) : given;
        const Expected<Done, Failure> ended = (*khud)->stream(
            "/v1/events" + query({{"from", from}}), kSilence, [&](std::string_view piece) {
                reached = true;
                printer.take(piece);
                return true;
            });
        const int status = ended ? 0 : ended.error().status;
        if (!ended && ((status != 0 && status != 429 && status != 503) || !reached)) {
            return Unexpected{ended.error()};
        }
        printer.forget_half();
        pause_briefly();
    }
}

}  // namespace

constinit const Command kWatch{.name = "watch",
                               .operands = "",
                               .help = Message::HelpWatch,
                               .options = {kOptions},
                               .refused = Message::Refused,
                               .run = run};

}  // namespace khu::cli
