#include "core/schedule/clearings.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/placement/fit.h"

namespace khu {
namespace {

/// Gives back what the attempt has on that node.
void give_back(NodeState& state, const RunningJob& attempt, NodeId node) {
    for (const NodeAllocation& allocation : attempt.nodes) {
        if (allocation.node == node) {
            state.give(allocation);
        }
    }
}

}  // namespace

void Clearings::add(Clearing promise) {
    for (const NodeId node : promise.nodes) {
        on_[node].insert(promise.job);
    }
    const JobId job = promise.job;
    const bool fresh = clearings_.emplace(job, std::move(promise)).second;
    KHU_CHECK(fresh, "job {}", job.value);
}

Clearing Clearings::remove(JobId job) {
    auto entry = clearings_.extract(job);
    KHU_CHECK(!entry.empty(), "job {}", job.value);
    for (const NodeId node : entry.mapped().nodes) {
        const auto on = on_.find(node);
        on->second.erase(job);
        if (on->second.empty()) {
            on_.erase(on);
        }
    }
    return std::move(entry.mapped());
}

const Clearing* Clearings::find(JobId job) const {
    const auto found = clearings_.find(job);
    return found == clearings_.end() ? nullptr : &found->second;
}

const std::set<JobId>& Clearings::on(NodeId node) const {
    static const std::set<JobId> none;
    const auto found = on_.find(node);
    return found == on_.end() ? none : found->second;
}

std::optional<Moment> Clearings::first_due() const {
    if (clearings_.empty()) {
        return std::nullopt;
    }
    const auto by = [](const auto& entry) { return entry.second.by; };
    return std::ranges::min_element(clearings_, {}, by)->second.by;
}

NodeState when_left(const ZoneView& zone, const ClusterNode& node) {
    NodeState state = node.state;
    for (const JobId job : zone.running.yielding_on(node.id)) {
        if (zone.clearings.is_leaving(job)) {
            give_back(state, *zone.running.find(job), node.id);
        }
    }
    return state;
}

namespace {

/// Takes what the promised job will have of the node. False if it does not fit.
bool take_part(const ZoneView& zone, const ClusterNode& node, NodeState& state,
               const GangRequest& request) {
    const PartitionNodes* partition = zone.cluster.partition(request.partition);
    if (partition == nullptr || !state.open_to(request.enterprise)) {
        return false;
    }
    const std::optional<NodeFit> part = fit(state, request.shape, partition->share);
    if (part) {
        state.take(zone.cluster.owner_on(node, state, request.enterprise), part->allocation);
    }
    return part.has_value();
}

/// Whether every promised job but `except` has its part when it is due, if `state` is free now.
bool kept_in_time(const ZoneView& zone, const ClusterNode& node, NodeState state, JobId except) {
    std::vector<const Clearing*> due;
    for (const JobId job : zone.clearings.on(node.id)) {
        if (job != except) {
            due.push_back(zone.clearings.find(job));
        }
    }
    std::ranges::sort(due, {}, [](const Clearing* each) { return std::pair(each->by, each->job); });
    std::set<JobId> there = zone.running.yielding_on(node.id);
    return std::ranges::all_of(due, [&](const Clearing* each) {
        std::erase_if(there, [&](JobId attempt) {
            const bool gone = zone.clearings.is_gone_by(attempt, each->by);
            if (gone) {
                give_back(state, *zone.running.find(attempt), node.id);
            }
            return gone;
        });
        return take_part(zone, node, state, each->request);
    });
}

}  // namespace

std::optional<NodeState> less_cleared(const ZoneView& zone, const ClusterNode& node,
                                      NodeState state) {
    const bool fit = std::ranges::all_of(zone.clearings.on(node.id), [&](JobId job) {
        return take_part(zone, node, state, zone.clearings.find(job)->request);
    });
    return fit ? std::optional(std::move(state)) : std::nullopt;
}

bool leaves_clearings(const ZoneView& zone, JobId job, const GangRequest& request, NodeId node) {
    const std::set<JobId>& promised = zone.clearings.on(node);
    if (promised.empty() || (promised.size() == 1 && promised.contains(job))) {
        return true;
    }
    const ClusterNode& here = zone.cluster.at(node);
    if (!here.state.open_to(request.enterprise)) {
        return false;
    }
    const std::optional<NodeFit> asked =
        fit(here.state, request.shape, zone.cluster.partition(request.partition)->share);
    if (!asked) {
        return false;
    }
    NodeState left = here.state;
    left.take(zone.cluster.owner_on(here, left, request.enterprise), asked->allocation);
    return kept_in_time(zone, here, std::move(left), job);
}

NodeFilter beside_clearings(const ZoneView& zone, JobId job, const GangRequest& request,
                            NodeFilter filter) {
    if (zone.clearings.empty()) {
        return filter;
    }
    return [zone, job, request, filter = std::move(filter)](NodeId node) {
        return (!filter || filter(node)) && leaves_clearings(zone, job, request, node);
    };
}

NodeState without_free_work(const ZoneView& zone, const ClusterNode& node, JobId except) {
    NodeState state = node.state;
    for (const JobId job : zone.running.yielding_on(node.id)) {
        const RunningJob& attempt = *zone.running.find(job);
        if (!attempt.borrowed || zone.clearings.is_leaving(job)) {
            give_back(state, attempt, node.id);
        }
    }
    for (const JobId job : zone.clearings.on(node.id)) {
        if (job != except) {
            take_part(zone, node, state, zone.clearings.find(job)->request);
        }
    }
    return state;
}

ClusterNode without_yielding(const ZoneView& zone, const ClusterNode& node) {
    ClusterNode bare = node;
    for (const JobId job : zone.running.yielding_on(node.id)) {
        give_back(bare.state, *zone.running.find(job), node.id);
    }
    return bare;
}

}  // namespace khu
