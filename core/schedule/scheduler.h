#pragma once

/// \file
/// The scheduler's state as one object: nodes, queue, running attempts and memo, kept in step. The
/// machine tells it facts as it applies them, and asks it for rounds and reasons. All of it is
/// derived from the zone's facts: nothing here is stored.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "core/placement/cluster.h"
#include "core/placement/gang.h"
#include "core/schedule/fair_tree.h"
#include "core/schedule/memo.h"
#include "core/schedule/queue.h"
#include "core/schedule/round.h"
#include "core/schedule/running.h"
#include "core/schedule/why.h"

namespace khu {

class Scheduler {
public:
    // Nodes.
    /// Claims: the node is new.
    void node_joined(NodeId id, NodeName name, std::shared_ptr<const NodeClass> node_class,
                     NodeLocation location, NodeHealth health);
    void node_health(NodeId id, NodeHealth health);
    void node_location(NodeId id, NodeLocation location);
    /// Claims: the node is idle.
    void node_class(NodeId id, std::shared_ptr<const NodeClass> node_class);
    /// Claims: the node is idle.
    void node_removed(NodeId id);
    void partitions_changed(const std::vector<PartitionNodes>& partitions);
    /// What jobs of that partition ask for, from now on (mix.h).
    void mix_changed(const PartitionId& partition, const Mix& mix) {
        cluster_.set_mix(partition, mix);
    }

    // Jobs.
    /// Also for a job that is requeued. Claims: it is not queued and has no attempt.
    void job_queued(const QueuedJob& job, Moment now);
    /// Cancelled while queued, or about to be changed and queued again. Claims: it is queued.
    void job_unqueued(JobId job);
    /// Its attempt has these resources from now on; it leaves the queue if it was there.
    void job_started(RunningJob attempt);
    /// The attempt must now give back what it has by then.
    void deadline_changed(JobId job, Moment deadline);
    /// The attempt has declared a checkpoint.
    void job_saved(JobId job, Moment at) { running_.set_saved(job, at); }
    /// The attempt may be told to give way from then on; kNever: not any more. What it has is
    /// offered again. Nothing for one that has given it back. Claims: it was not told.
    void job_yields(JobId job, Moment at);
    /// The attempt was told to give way, and has until then. Claims: it is one that yields.
    void job_leaving(JobId job, Moment by);
    /// The node gave back what the job's attempt had there. Claims: the attempt has that node.
    void node_released(JobId job, NodeId node);

    // Giving way (preempt.h).
    void preemption(PreemptionRule rule);
    /// Claims: the job is queued and has no promise.
    void place_promised(JobId job, std::vector<NodeId> nodes, Moment by, int alternative = 0);
    /// The job's promise is over, if it has one: it starts, or leaves the queue.
    void promise_over(JobId job);
    /// The same for one that cannot be kept. An attempt that did not leave in its time is counted
    /// on no more. Claims: the job has a promise.
    void promise_lapsed(JobId job, Moment now);

    // The calendar (bookings.h).
    /// In place of all that were.
    void booked(std::vector<Booking> all);

    // The fair share (fair_tree.h).
    void fair_share(Span half_life, Span reach, std::map<ProgrammeId, int> shares);
    [[nodiscard]] FairTree& fair() { return fair_; }
    [[nodiscard]] const FairTree& fair() const { return fair_; }

    // What admission depends on.
    void admission_changed(const EnterpriseId& enterprise);
    void admission_changed();
    /// Counted resources were given back, or are kept for another: jobs that ask for some are
    /// looked at again.
    void counted_changed();

    /// Decides what starts now. The starts are facts only when job_started() says so.
    RoundResult round(Admission& admission, Moment now);
    /// When a round is due though nothing happened: a begin time, attempts that may be told to
    /// give way from then on, a promise that nobody kept, a window of the calendar.
    [[nodiscard]] std::optional<Moment> next_wake() const;
    /// Why a queued job waits: what admission said, A120, A121, A124 or A125; none if the next
    /// round will look at it. A held job's reason is the machine's to give. Claims: the job is
    /// queued.
    [[nodiscard]] std::optional<Reason> why(JobId job, Moment now, Reclaims reclaims = {}) const;
    /// The same of one of its alternatives.
    [[nodiscard]] std::optional<Reason> why(JobId job, int alternative, Moment now,
                                            Reclaims reclaims = {}) const;

    [[nodiscard]] const Cluster& cluster() const { return cluster_; }
    [[nodiscard]] const Queue& queue() const { return queue_; }
    [[nodiscard]] const RunningJobs& running() const { return running_; }
    [[nodiscard]] const RoundMemo& memo() const { return memo_; }
    [[nodiscard]] const Clearings& clearings() const { return clearings_; }
    [[nodiscard]] const Bookings& bookings() const { return bookings_; }
    [[nodiscard]] const PreemptionRule& preemption() const { return rule_; }
    [[nodiscard]] WhyInput why_input(Reclaims reclaims = {}) const {
        return {.zone = view(),
                .rule = rule_,
                .queue = queue_,
                .memo = memo_,
                .reclaims = std::move(reclaims)};
    }
    [[nodiscard]] ZoneView view() const { return {cluster_, running_, clearings_, bookings_}; }

private:
    void reorder(Moment now);
    void offer(NodeId node);
    void touch(JobId job);
    void ripen(Moment now);

    Cluster cluster_;
    FairTree fair_;
    Queue queue_;
    RunningJobs running_;
    Clearings clearings_;
    Bookings bookings_;
    PreemptionRule rule_;
    RoundMemo memo_;
};

}  // namespace khu
