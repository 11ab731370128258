#pragma once

/// \file
/// The mind of an agent, pure: what one node promises about leases and attempts, whatever the
/// network does. khu-agent drives it with a socket, a clock and processes; the simulator with
/// virtual ones.
///
/// Its promises:
///  * an attempt runs only while the lease holds; the lease ends `lease` after the *sending* of the
///    last heartbeat that was acknowledged, on this node's own monotonic clock;
///  * an attempt is started at most once here, however often the order arrives;
///  * two attempts never hold the same core or GPU here;
///  * an end is reported until khud says it is stored.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/protocol/messages.h"

namespace khu {

// --- What must now be done on the node -----------------------------------------------------------

/// Make the attempt ready: spool, shepherd, files. With `order.run_at_once` also run it.
struct PrepareAttempt {
    StartAttempt order;
};
/// Start the ranks of a prepared attempt.
struct LaunchAttempt {
    AttemptKey key;
};
/// Signal, then after `grace` end every process of the attempt.
struct EndAttempt {
    AttemptKey key;
    int signal{15};
    Span grace;
    std::string reason;
    bool lease_over{false};  ///< nobody asked for it: the node's own lease has ended
};
/// Remove what is left of an attempt that is ended and stored by khud.
struct ForgetAttempt {
    AttemptKey key;
};
/// The processes of all attempts may live until then; written where the shepherds look.
struct LeaseUntil {
    Moment at;
};
using NodeEffect = std::variant<FromAgent, PrepareAttempt, LaunchAttempt, EndAttempt, ForgetAttempt,
                                LeaseUntil, ReadOutput, StopReading>;
using NodeEffects = std::vector<NodeEffect>;

/// What `khu checkpoint` left behind.
struct DeclaredCheckpoint {
    std::uint64_t stamp{0};  ///< rises with each one of an attempt; 0: none
    Moment at;               ///< on the node's clock
    std::string path;
};

/// How much it remembers.
struct NodeMemory {
    std::size_t living{0}, ended{0}, heartbeats{0}, tombstones{0};
};

class NodeMachine {
public:
    /// `hello` says who this node is; its list of attempts is filled in at each connection.
    explicit NodeMachine(Hello hello);

    /// Before the first connection: an attempt of an earlier agent process that still lives here,
    /// or has ended (`result`) and was not acknowledged.
    void adopt(const StartAttempt& order, AgentStage stage, std::optional<AttemptResult> result,
               Moment lease_until);

    NodeEffects connected(Moment now);
    void disconnected();
    NodeEffects receive(const ToAgent& message, Moment now);

    // What the node's processes did.
    NodeEffects prepared(AttemptKey key, Moment now);
    NodeEffects running(AttemptKey key, Moment now);
    NodeEffects ended(AttemptKey key, const AttemptResult& result, Moment now);
    /// The job declared a checkpoint `stamp` just now; an older or equal stamp changes nothing.
    NodeEffects checkpointed(AttemptKey key, const DeclaredCheckpoint& checkpoint, Moment now);

    /// Heartbeats, repetitions, the end of the lease.
    NodeEffects tick(Moment now);
    /// When tick() has something to do next; kNever if nothing.
    [[nodiscard]] Moment next_wake() const;

    [[nodiscard]] bool welcomed() const { return welcomed_; }
    [[nodiscard]] Moment lease_until() const { return lease_until_; }
    [[nodiscard]] std::size_t live_attempts() const;
    [[nodiscard]] NodeMemory memory() const;

private:
    struct Local {
        StartAttempt order;
        AgentStage stage{AgentStage::Prepared};
        bool ready{false};   ///< prepared has been said by the node
        bool ending{false};  ///< told to end
        std::optional<AttemptResult> result;
        DeclaredCheckpoint checkpoint;
        std::optional<AgentStage> unanswered;  ///< stage to be repeated
        Moment said_at;
    };

    NodeEffects on(const Welcome& message, Moment now);
    NodeEffects on(const Refused& message, Moment now);
    NodeEffects on(const HeartbeatAck& message, Moment now);
    NodeEffects on(const StartAttempt& message, Moment now);
    NodeEffects on(const RunAttempt& message, Moment now);
    NodeEffects on(const StopAttempt& message, Moment now);
    NodeEffects on(const ReportAck& message, Moment now);
    NodeEffects on(const ReadOutput& message, Moment now);
    NodeEffects on(const StopReading& message, Moment now);

    [[nodiscard]] static AttemptReport report_of(const Local& local, Moment now);
    [[nodiscard]] bool overlaps(const StartAttempt& order) const;
    NodeEffects say(Local& local, AgentStage stage, Moment now);
    NodeEffects refuse(const StartAttempt& order, const std::string& why, Moment now);
    NodeEffects nothing_here(AttemptKey key, Moment now);
    NodeEffects heartbeat(Moment now);
    NodeEffects grant_lease(Moment until, Moment now);
    void end_lease(NodeEffects& effects);
    void bury(AttemptKey key);

    Hello hello_;
    bool connected_{false};
    bool welcomed_{false};
    Welcome welcome_;
    Moment hello_sent_at_;
    Moment lease_until_;
    Moment next_heartbeat_{kNever};
    std::uint64_t heartbeats_{0};
    std::map<std::uint64_t, Moment> unacknowledged_;  ///< heartbeat number -> sent at
    std::map<AttemptKey, Local> attempts_;
    std::set<AttemptKey> tombstones_;  ///< ended in this epoch; a late order must not start them
};

}  // namespace khu
