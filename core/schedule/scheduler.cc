#include "core/schedule/scheduler.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/limits.h"

namespace khu {

void Scheduler::node_joined(NodeId id, NodeName name, std::shared_ptr<const NodeClass> node_class,
                            NodeLocation location, NodeHealth health) {
    cluster_.add(id, std::move(name), std::move(node_class), std::move(location), health);
    memo_.on_opened(cluster_.at(id), cluster_, queue_);
}

/// What is free on the node, and what would be if those that give way were gone.
void Scheduler::offer(NodeId node) {
    if (running_.yielding_on(node).empty()) {
        memo_.on_freed(cluster_.at(node), cluster_, queue_);
    } else {
        memo_.on_freed(without_yielding(view(), cluster_.at(node)), cluster_, queue_);
    }
}

void Scheduler::node_health(NodeId id, NodeHealth health) {
    const ClusterNode& node = cluster_.at(id);
    const bool was_up = node.health == NodeHealth::Up;
    cluster_.set_health(id, health);
    if (health == NodeHealth::Up) {
        memo_.on_opened(without_yielding(view(), node), cluster_, queue_);
    } else if (was_up) {
        memo_.on_closed(node, cluster_);
    }
}

void Scheduler::node_location(NodeId id, NodeLocation location) {
    cluster_.set_location(id, std::move(location));
    memo_.on_policy();
}

void Scheduler::node_class(NodeId id, std::shared_ptr<const NodeClass> node_class) {
    cluster_.set_class(id, std::move(node_class));
    memo_.on_policy();
}

void Scheduler::node_removed(NodeId id) {
    memo_.on_closed(cluster_.at(id), cluster_);
    cluster_.remove(id);
}

void Scheduler::partitions_changed(const std::vector<PartitionNodes>& partitions) {
    cluster_.set_partitions(partitions);
    memo_.on_policy();
}

void Scheduler::job_queued(const QueuedJob& job, Moment now) {
    KHU_CHECK(running_.find(job.id) == nullptr, "job {}", job.id.value);
    queue_.add(job, now);
    if (queue_.ready(job.id)) {
        touch(job.id);
    }
}

/// The next round looks at the job again.
void Scheduler::touch(JobId job) {
    for (const LaneNumber lane : queue_.lanes_of(job)) {
        memo_.touch(queue_.lane(lane)->key.shape);
    }
}

void Scheduler::job_unqueued(JobId job) {
    struct Left {
        LaneNumber lane;
        ShapeNumber shape;
        PartitionId partition;
    };
    std::vector<Left> left;
    for (const LaneNumber lane : queue_.lanes_of(job)) {
        const ShapeNumber shape = queue_.lane(lane)->key.shape;
        left.push_back({lane, shape, queue_.shape(shape)->request.partition});
    }
    queue_.remove(job);
    for (const auto& [lane, shape, partition] : left) {
        memo_.on_left(job, partition, lane, queue_);
        const ShapeLanes* remains = queue_.shape(shape);
        if (remains == nullptr || remains->heads.empty()) {
            memo_.forget_shape(shape);  // Nobody would tell it what is freed meanwhile.
        }
    }
}

void Scheduler::job_started(RunningJob attempt) {
    const JobId job = attempt.job;
    if (queue_.contains(job)) {
        job_unqueued(job);
    }
    for (const NodeAllocation& allocation : attempt.nodes) {
        cluster_.take(attempt.enterprise, allocation);
    }
    running_.add(std::move(attempt));
    promise_over(job);
}

void Scheduler::node_released(JobId job, NodeId node) {
    cluster_.give(running_.release(job, node));
    if (running_.find(job) == nullptr) {
        clearings_.left(job);
    }
    offer(node);
}

void Scheduler::job_leaving(JobId job, Moment by) {
    KHU_CHECK(running_.find(job) != nullptr, "job {}", job.value);
    clearings_.leaving(job, by);
    running_.set_deadline(job, by);
}

void Scheduler::job_yields(JobId job, Moment at) {
    if (running_.find(job) != nullptr) {
        KHU_CHECK(!clearings_.is_leaving(job), "job {}", job.value);
        running_.set_yields(job, at);
        for (const NodeAllocation& allocation : running_.find(job)->nodes) {
            offer(allocation.node);
        }
    }
}

void Scheduler::preemption(PreemptionRule rule) {
    if (rule != rule_) {
        rule_ = std::move(rule);
        memo_.on_policy();
    }
}

void Scheduler::place_promised(JobId job, std::vector<NodeId> nodes, Moment by, int alternative) {
    const LaneKey& key = queue_.lane(queue_.lane_of(job, alternative))->key;
    clearings_.add({.job = job,
                    .request = queue_.shape(key.shape)->request,
                    .time_limit = key.time_limit,
                    .nodes = std::move(nodes),
                    .by = by,
                    .alternative = alternative});
}

void Scheduler::promise_over(JobId job) {
    if (clearings_.find(job) == nullptr) {
        return;
    }
    const Clearing promise = clearings_.remove(job);
    if (queue_.contains(job) && queue_.ready(job)) {
        touch(job);
    }
    for (const NodeId node : promise.nodes) {
        if (cluster_.find(node) != nullptr) {
            offer(node);
        }
    }
}

void Scheduler::promise_lapsed(JobId job, Moment now) {
    const Clearing& promise = *clearings_.find(job);
    std::set<JobId> stuck;
    for (const NodeId node : promise.nodes) {
        for (const JobId each : running_.yielding_on(node)) {
            if (clearings_.is_leaving(each) && running_.find(each)->deadline < now) {
                stuck.insert(each);
            }
        }
    }
    for (const JobId each : stuck) {
        clearings_.left(each);
        running_.set_yields(each, kNever);
    }
    promise_over(job);
}

/// Attempts that may be told from now on are as good as free to jobs that are charged.
void Scheduler::ripen(Moment now) {
    for (const JobId job : running_.take_ripe(now)) {
        for (const NodeAllocation& allocation : running_.find(job)->nodes) {
            offer(allocation.node);
        }
    }
}

std::optional<Moment> Scheduler::next_wake() const {
    std::optional<Moment> next = queue_.next_wake();
    const auto also = [&](std::optional<Moment> at) {
        if (at && (!next || *at < *next)) {
            next = at;
        }
    };
    if (rule_.on) {
        also(running_.next_ripe());
    }
    also(bookings_.next_turn());
    if (const std::optional<Moment> due = clearings_.first_due()) {
        also(*due + limits::promise_slack + milliseconds(1));
    }
    return next;
}

void Scheduler::booked(std::vector<Booking> all) {
    bookings_.replace(std::move(all));
    memo_.on_policy();
}

void Scheduler::deadline_changed(JobId job, Moment deadline) {
    if (running_.find(job) != nullptr) {
        running_.set_deadline(job, deadline);
        memo_.on_policy();
    }
}

void Scheduler::admission_changed(const EnterpriseId& enterprise) {
    memo_.on_admission(enterprise);
}

void Scheduler::counted_changed() {
    for (const LaneNumber lane : queue_.wishing()) {
        memo_.on_admission(lane);
    }
}

void Scheduler::admission_changed() {
    memo_.on_admission();
}

void Scheduler::fair_share(Span half_life, Span reach, std::map<ProgrammeId, int> shares) {
    fair_.configure(half_life, reach, std::move(shares));
}

/// Enterprises that have had more or less than before change places.
void Scheduler::reorder(Moment now) {
    for (const LeafNumber leaf : fair_.refresh(now)) {
        for (const auto& [partition, first] : queue_.set_delay(leaf, fair_.delay(leaf))) {
            memo_.on_reordered(partition, first);
        }
    }
}

RoundResult Scheduler::round(Admission& admission, Moment now) {
    reorder(now);
    for (const ShapeNumber shape : queue_.wake(now)) {
        memo_.touch(shape);
    }
    if (rule_.on) {
        ripen(now);
    }
    if (bookings_.turned(now)) {
        memo_.on_policy();
    }
    return run_round({.cluster = cluster_,
                      .clearings = clearings_,
                      .bookings = bookings_,
                      .rule = rule_,
                      .queue = queue_,
                      .running = running_,
                      .fair = fair_,
                      .memo = memo_,
                      .admission = admission,
                      .now = now});
}

std::optional<Reason> Scheduler::why(JobId job, Moment now, Reclaims reclaims) const {
    return why_waiting(why_input(std::move(reclaims)), job, now);
}

std::optional<Reason> Scheduler::why(JobId job, int alternative, Moment now,
                                     Reclaims reclaims) const {
    return why_waiting(why_input(std::move(reclaims)), job, alternative, now);
}

}  // namespace khu
