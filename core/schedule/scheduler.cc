#include "core/schedule/scheduler.h"

#include <algorithm>

#include "core/base/check.h"

namespace khu {

void Scheduler::node_joined(NodeId id, NodeName name, std::shared_ptr<const NodeClass> node_class,
                            NodeLocation location, NodeHealth health) {
    cluster_.add(id, std::move(name), std::move(node_class), std::move(location), health);
    memo_.on_opened(cluster_.at(id), cluster_, queue_);
}

void Scheduler::node_health(NodeId id, NodeHealth health) {
    const ClusterNode& node = cluster_.at(id);
    const bool was_up = node.health == NodeHealth::Up;
    cluster_.set_health(id, health);
    if (health == NodeHealth::Up) {
        memo_.on_opened(node, cluster_, queue_);
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
        memo_.touch(queue_.lane(queue_.lane_of(job.id))->key.shape);
    }
}

void Scheduler::job_unqueued(JobId job) {
    const LaneNumber lane = queue_.lane_of(job);
    const ShapeNumber shape = queue_.lane(lane)->key.shape;
    const PartitionId partition = queue_.shape(shape)->request.partition;
    queue_.remove(job);
    memo_.on_left(job, partition, lane, queue_);
    const ShapeLanes* left = queue_.shape(shape);
    if (left == nullptr || left->heads.empty()) {
        memo_.forget_shape(shape);  // Nobody would tell it what is freed meanwhile.
    }
}

void Scheduler::job_started(JobId job, const EnterpriseId& enterprise, Moment deadline,
                            const Placement& placement) {
    if (queue_.contains(job)) {
        job_unqueued(job);
    }
    for (const NodeAllocation& allocation : placement.nodes) {
        cluster_.take(enterprise, allocation);
    }
    running_.add(
        {.job = job, .enterprise = enterprise, .deadline = deadline, .nodes = placement.nodes});
}

void Scheduler::node_released(JobId job, NodeId node) {
    cluster_.give(running_.release(job, node));
    memo_.on_freed(cluster_.at(node), cluster_, queue_);
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

void Scheduler::admission_changed() {
    memo_.on_admission();
}

void Scheduler::fair_share(Span half_life, Span reach, std::map<ProgrammeId, int> shares) {
    fair_.configure(half_life, reach, std::move(shares));
}

/// Enterprises that have had more or less than before change places.
void Scheduler::reorder(Moment now) {
    for (const LeafNumber leaf : fair_.refresh(now)) {
        for (const auto& [partition, first] : queue_.set_shift(leaf, fair_.shift(leaf))) {
            memo_.on_reordered(partition, first);
        }
    }
}

RoundResult Scheduler::round(Admission& admission, Moment now) {
    reorder(now);
    for (const ShapeNumber shape : queue_.wake(now)) {
        memo_.touch(shape);
    }
    return run_round({.cluster = cluster_,
                      .queue = queue_,
                      .running = running_,
                      .fair = fair_,
                      .memo = memo_,
                      .admission = admission,
                      .now = now});
}

std::optional<Reason> Scheduler::why(JobId job, Moment now) const {
    return why_waiting({.cluster = cluster_, .queue = queue_, .running = running_, .memo = memo_},
                       job, now);
}

}  // namespace khu
