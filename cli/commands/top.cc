#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "cli/commands/all.h"
#include "cli/top/screen.h"
#include "cli/top/terminal.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--once", "", Message::HelpTopOnce, Takes::Nothing},
});

constexpr int kRunningShown = 200;
constexpr int kWaitingShown = 100;
constexpr int kPauseMs = 1000;          ///< between two looks at least, however much happens
constexpr int kIdleMs = 10'000;         ///< at most: time passes for what runs
constexpr Span kSilence = seconds(60);  ///< khud gives a sign of life each 15 s

Expected<TopPicture, Failure> look(Session& session) {
    Expected<Received<wire::NodePage>, Failure> nodes =
        session.get_all("/v1/nodes", &wire::NodePage::nodes);
    if (!nodes) {
        return Unexpected{std::move(nodes).error()};
    }
    Expected<Received<wire::JobPage>, Failure> live =
        session.get<wire::JobPage>("/v1/queue" + query({{"limit", std::to_string(kRunningShown)}}));
    if (!live) {
        return Unexpected{std::move(live).error()};
    }
    Expected<Received<wire::JobPage>, Failure> head =
        session.get<wire::JobPage>("/v1/queue" + query({{"head", std::to_string(kWaitingShown)}}));
    if (!head) {
        return Unexpected{std::move(head).error()};
    }
    TopPicture picture{.nodes = std::move(nodes->answer.nodes),
                       .running = std::move(live->answer.jobs),
                       .waiting = std::move(head->answer.jobs),
                       .jobs = live->answer.total,
                       .now = wall_now()};
    std::erase_if(picture.running, [](const wire::JobView& job) { return job.phase == "queued"; });
    return picture;
}

/// Writes a byte into a pipe whenever something happened in the zone; makes a broken connection
/// again. It never ends by itself: the process does.
void watch(Endpoint endpoint, Language language, int pipe) {
    Connection khud(std::move(endpoint), language);
    for (;;) {
        const Expected<Done, Failure> ended =
            khud.stream("/v1/events", kSilence, [pipe](std::string_view) {
                const ssize_t told = ::write(pipe, "e", 1);  // A full pipe says enough.
                return told != 0;
            });
        const timespec pause{.tv_sec = ended ? 1 : 3, .tv_nsec = 0};
        ::nanosleep(&pause, nullptr);
    }
}

/// Until the next look: a key, a new size, or something that happened, though not at once.
Terminal::Wake next_wake(int events) {
    const Terminal::Wake first = Terminal::wait(-1, kPauseMs);
    return first.by == Terminal::Woken::Time ? Terminal::wait(events, kIdleMs) : first;
}

bool leaves(const Terminal::Wake& wake) {
    const bool by_key = wake.by == Terminal::Woken::Key &&
                        (wake.key == 'q' || wake.key == 'Q' || wake.key == '\x03');
    return by_key || wake.by == Terminal::Woken::Signal;
}

/// A khud that is away for a while is said in place of the picture.
Result live(Session& session, TopPicture picture, int events) {
    const Terminal terminal;
    std::string trouble;
    for (;;) {
        const std::string shown =
            trouble.empty() ? top_screen(session, picture, Terminal::size()) : trouble + "\n";
        Terminal::show(shown);
        const Terminal::Wake wake = next_wake(events);
        if (leaves(wake)) {
            return 0;
        }
        if (wake.by == Terminal::Woken::Resized) {
            continue;
        }
        Expected<TopPicture, Failure> next = look(session);
        trouble = next ? "" : next.error().text;
        if (next) {
            picture = *std::move(next);
        }
    }
}

Result run(Session& session) {
    Expected<TopPicture, Failure> first = look(session);
    if (!first) {
        return Unexpected{std::move(first).error()};
    }
    const bool terminal = ::isatty(STDOUT_FILENO) != 0 && ::isatty(STDIN_FILENO) != 0;
    if (session.arguments.has("--once") || !terminal) {
        const TopSize size{.width = ::isatty(STDOUT_FILENO) != 0 ? Terminal::size().width : 0};
        session.print(top_screen(session, *first, size));
        return 0;
    }
    int events[2]{};
    if (::pipe2(events, O_CLOEXEC | O_NONBLOCK) != 0) {
        return Unexpected{internal("pipe2", "")};
    }
    std::thread(watch, (*session.zone())->endpoint(), session.language, events[1]).detach();
    const Result result = live(session, *std::move(first), events[0]);
    std::fflush(stdout);
    ::_exit(*result);  // The watching thread waits in the network and has nothing to finish.
}

}  // namespace

constinit const Command kTop{.name = "top",
                             .operands = "",
                             .help = Message::HelpTop,
                             .options = {kOptions},
                             .refused = Message::Refused,
                             .run = run};

}  // namespace khu::cli
