#pragma once

/// \file
/// One scheduling round: which queued jobs start now, and where.
///
///   1  take the shapes for which something is new (RoundMemo), in the order of their first jobs;
///      each start moves its enterprise back by its fair share
///   2  ask the ledger and the limits (Admission); a lane that is refused is skipped, it blocks
///      nobody; a job keeps its promised nodes if what it lacks comes back in time (later.h)
///   3  place the job; a gang starts whole or not at all
///   4  the first jobs of each partition that do not fit (as many as its policy says) get
///      reservations: the earliest time at which enough attempts have reached their deadlines, and
///      the nodes it will use then, each on nodes of its own
///   5  jobs behind it start only if they end before that time or leave it its part of those nodes
///      (one for which others are told first counts as started when these have had their grace)
///      a job with alternatives starts in the first that can; where none can, the one that could
///      start earliest has its reservation
///   6  a job that is charged and would start if attempts that give way were gone (preempt.h): they
///      are told, and the job is promised the nodes; it starts at the beginning of the round that
///      finds them free. The same for one whose GPUs are lent out, though it would fit. Beside such
///      attempts a job of one node goes to the node that is fullest without them
///
/// Nobody gets a node for a time for which the calendar has set it aside (bookings.h), nor is
/// promised it.
///
/// So a job that was let pass never moves the reservation later (EASY backfill: D. Lifka, "The
/// ANL/IBM SP Scheduling System", JSSPP 1995). The same input gives the same starts.

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/base/units.h"
#include "core/jobs/placement.h"
#include "core/placement/cluster.h"
#include "core/schedule/clearings.h"
#include "core/schedule/memo.h"
#include "core/schedule/preempt.h"
#include "core/schedule/queue.h"
#include "core/schedule/running.h"

namespace khu {

/// The ledger and the limits, as a round sees them. Jobs of one lane must get the same answer.
class Admission {
public:
    Admission() = default;
    Admission(const Admission&) = delete;
    Admission& operator=(const Admission&) = delete;
    virtual ~Admission() = default;

    /// The reason why the job may not start in that way now; none if it may. Counts what started()
    /// named.
    virtual std::optional<Reason> admit(JobId job, int alternative) = 0;
    /// The round decided this start: its hold and its share of limits are used up from now on.
    /// Gives what it may use in all, for the fair share. The receipt says in which way.
    virtual Atoms started(JobId job, const Placement& placement) = 0;
    /// The round promised the job a place: what it needs is kept for it from now on.
    virtual void promised(JobId, int /*alternative*/) {}

    /// Why the job, which was admitted, may not start so much later: what it may have now is
    /// somebody else's before it would end. None if it may.
    virtual std::optional<Reason> runs_out(JobId, int /*alternative*/, Span /*later*/) {
        return std::nullopt;
    }

    // Borrowed GPUs.
    /// Whether the job may have attempts told that run on them.
    virtual bool reclaims(JobId, int /*alternative*/) { return false; }
    /// What it was admitted for must be given back by others first: the reason; none if it may
    /// start where it fits. It may be promised a place.
    virtual std::optional<Reason> lent_out(JobId, int /*alternative*/) { return std::nullopt; }
    /// Whether those that were told to leave, and `victims`, give back enough for it.
    virtual bool enough_without(JobId, int /*alternative*/, const std::vector<JobId>& /*victims*/) {
        return true;
    }
    /// The round had them told.
    virtual void told(const std::vector<JobId>& /*victims*/) {}
};

class Outlook;

struct Start {
    JobId job;
    Placement placement;
};

/// The attempts that are to be told, and for whom.
struct Eviction {
    Clearing promise;
    std::vector<JobId> victims;  ///< ascending; empty: those told before suffice
};

struct RoundInput {
    Cluster& cluster;      ///< what starts is taken while the round lasts; as it was on return
    Clearings& clearings;  ///< the same
    const Bookings& bookings;
    const PreemptionRule& rule;
    const Queue& queue;
    const RunningJobs& running;
    FairTree& fair;  ///< the same: it holds what the starts may use
    RoundMemo& memo;
    Admission& admission;
    Moment now;
};

struct RoundResult {
    std::vector<Start> starts;  ///< in order of decision
    std::vector<Eviction> evictions;
    std::vector<JobId> lapsed;  ///< their promises cannot be kept
    std::int64_t looked_at{0};  ///< candidates considered, for metrics
    bool cut_off{false};        ///< a bound ended the round early: run another one soon
};

RoundResult run_round(const RoundInput& input);

/// When `request` could start, from `stay.from` on and for `stay.limit`, if the attempts ended as
/// `outlook` says and nobody else came, and where; none if it does not fit even then. `allowed` may
/// be empty; the calendar is obeyed anyway.
struct Earliest {
    Moment at;
    std::vector<NodeId> nodes;    ///< ascending
    std::vector<NodeState> then;  ///< by node: what is free there at `at`
};
std::optional<Earliest> earliest_start(const Outlook& outlook, const GangRequest& request,
                                       const Stay& stay, const NodeFilter& allowed = {});

}  // namespace khu
