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

/// The number after "seq": in an event's line; none if there is none.
std::optional<std::uint64_t> sequence_of(std::string_view line) {
    constexpr std::string_view key = "\"seq\":";
    const std::size_t at = line.find(key);
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    line.remove_prefix(at + key.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    return error == std::errc{} && end != line.data() ? std::optional(number) : std::nullopt;
}

/// Prints whole lines only, and remembers where to go on.
class EventPrinter {
public:
    explicit EventPrinter(const Session& session) : session_(session) {}

    void take(std::string_view piece) {
        pending_ += piece;
        for (;;) {
            const std::size_t end = pending_.find('\n');
            if (end == std::string::npos) {
                break;
            }
            const std::string_view line = std::string_view(pending_).substr(0, end + 1);
            next_ = sequence_of(line).value_or(next_.value_or(0)) + 1;
            session_.print(line);
            pending_.erase(0, end + 1);
        }
        std::fflush(stdout);
    }
    /// A half line of a broken connection comes again, whole.
    void forget_half() { pending_.clear(); }
    [[nodiscard]] std::optional<std::uint64_t> next() const { return next_; }

private:
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
            "/v1/events" + query({{"from", from}}), days(1), [&](std::string_view piece) {
                reached = true;
                printer.take(piece);
                return true;
            });
        if (!ended && (ended.error().status != 0 || !reached)) {
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
