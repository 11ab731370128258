#pragma once

/// \file
/// The agent's end of its shepherds. Nothing here waits: start() returns at once, and each Attempt
/// has a descriptor to poll; when it is readable, next() says what happened. A restarted agent
/// finds its attempts in the spool and adopts them.
///
///     Spool spool = Spool::open(path, {}).value();
///     Shepherds shepherds(spool, "/usr/lib/khu/khu-shepherd");
///     Expected<Attempt, Refusal> attempt = shepherds.start(order, boot_ms() + 30'000);
///     … poll attempt->fd(); attempt->next() -> Hello, Prepared, Started, Answer, Ended
///     shepherds.take_result(key) after Ended; report it; spool.forget(key) when khud has it.

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/fd.h"
#include "agent/shepherd_order.h"
#include "agent/shepherd_result.h"
#include "agent/spool.h"
#include "core/base/expected.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/base/units.h"

namespace khu::agent {

enum class AttemptEventKind {
    Hello,     ///< the shepherd is there; pidfd() is known from now on
    Prepared,  ///< everything is made and opened; waits for run() if the order says hold
    Started,   ///< every task runs its command (or the node waits for remote steps)
    Answer,    ///< to run, signal or stop; `refused` says why not
    Ended,     ///< the shepherd is gone: take_result()
};

struct AttemptEvent {
    AttemptEventKind kind{};
    std::int64_t started_ms{0};  ///< with Started: CLOCK_BOOTTIME
    std::string refused;         ///< with Answer; empty: done
};

/// One attempt whose shepherd runs. Dropping it lets the attempt go on.
class Attempt {
public:
    Attempt(AttemptKey key, Fd control) : key_(key), control_(std::move(control)) {}

    [[nodiscard]] AttemptKey key() const { return key_; }
    /// Readable: call next() until it gives none.
    [[nodiscard]] int fd() const { return control_.get(); }
    /// Of the shepherd; -1 before Hello.
    [[nodiscard]] int pidfd() const { return pidfd_.get(); }
    [[nodiscard]] pid_t shepherd_pid() const { return pid_; }

    /// What happened next; none if nothing yet. After Ended: none.
    std::optional<AttemptEvent> next();

    // Requests; false if the shepherd is gone. The outcome comes as an Answer.
    bool run();
    /// Announces with the stop file, sends `signal`, and KILL to whatever lives after `grace`.
    bool stop(Span grace, const std::string& reason, int signal);
    /// To the tasks, or to what a batch shell runs.
    bool signal(int signal);
    /// The same with an announcement in the stop file: the stop comes in `in`.
    bool notice(int signal, const std::string& reason, Span in);

private:
    AttemptKey key_;
    Fd control_, pidfd_;
    pid_t pid_{-1};
    bool ended_{false};
};

/// A remote step that was asked for.
struct StepExit {
    int exit_code{0};
    int signal{0};
    std::string refused;  ///< not started, for this reason
};

class Shepherds {
public:
    /// `program`: path of khu-shepherd. `spool` outlives this.
    Shepherds(Spool& spool, std::string program);
    ~Shepherds();
    Shepherds(const Shepherds&) = delete;
    Shepherds& operator=(const Shepherds&) = delete;

    /// Begins to keep a shepherd forked ahead, from before the first attempt on. `groups`:
    /// ControlGroups::standby_parent().
    void stand_by(const std::string& groups);

    /// Starts the shepherd of `order`. Errors: LaunchFailed (no room, no process).
    Expected<Attempt, Refusal> start(const ShepherdOrder& order, std::int64_t lease_until_boot_ms);

    /// The running attempt `key` that an earlier agent started; none if its shepherd is gone: then
    /// it has ended, and take_result() says how.
    [[nodiscard]] std::optional<Attempt> adopt(AttemptKey key) const;

    /// How the attempt ended. If its shepherd died without a result (killed from outside, machine
    /// restarted), first ends whatever is left of it and then answers with the fault launch_failed.
    /// Claims: the attempt's Ended was seen, or adopt() found nothing.
    [[nodiscard]] ShepherdResult take_result(AttemptKey key) const;

    /// Runs the shell text `command` inside attempt `key`, on its cores, as its user, with
    /// `env` ("NAME=value") on top of the attempt's, and the three descriptors as standard streams.
    /// The descriptor that becomes readable when it has ended; closing it before hangs it up.
    /// Errors: LaunchFailed if the attempt is not here.
    [[nodiscard]] Expected<Fd, Refusal> exec(AttemptKey key, const std::string& command,
                                             const std::vector<std::string>& env,
                                             const std::array<int, 3>& streams) const;
    /// The end of a step; waits for it if need be. None if the shepherd went away.
    static std::optional<StepExit> read_step_exit(int fd);

private:
    [[nodiscard]] Fd connect(AttemptKey key) const;
    bool ensure_zygote();
    bool hand_over(const std::string& name, int control);

    Spool& spool_;
    std::string program_, groups_;
    Fd zygote_;
    pid_t zygote_pid_{-1};
};

/// Why the launch failed, as khud and people know it; none if the command was started.
std::optional<Refusal> launch_fault(const ShepherdResult& result, const std::string& node);

}  // namespace khu::agent
