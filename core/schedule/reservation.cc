#include "core/schedule/reservation.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/placement/fit.h"

namespace khu {
namespace {

/// The position of `node` among `nodes`, or their number.
std::size_t position_of(const std::vector<NodeId>& nodes, NodeId node) {
    const auto found = std::ranges::lower_bound(nodes, node);
    const bool here = found != nodes.end() && *found == node;
    return static_cast<std::size_t>((here ? found : nodes.end()) - nodes.begin());
}

/// Without looking at which devices: most nodes are reserved as a whole, and this says so at once.
bool enough_of_each(const NodeState& then, const Shape& promised, const Shape& asked) {
    return !promised.exclusive && !asked.exclusive &&
           then.free_gpu_count() >= promised.gpus + asked.gpus &&
           then.free_cores() >= promised.cores + asked.cores &&
           then.free_memory() >= promised.memory + asked.memory;
}

}  // namespace

const StartReservation* Promises::find(const PromiseKey& key) const {
    const auto found = all_.find(key);
    return found == all_.end() ? nullptr : &found->second;
}

std::vector<PromiseKey> Promises::of(const PartitionId& partition) const {
    std::vector<PromiseKey> keys;
    for (auto at = all_.lower_bound({partition, JobId{0}});
         at != all_.end() && at->first.first == partition; ++at) {
        keys.push_back(at->first);
    }
    std::ranges::sort(keys, {}, [&](const PromiseKey& key) { return all_.at(key).order; });
    return keys;
}

const StartReservation* Promises::first_of(const PartitionId& partition) const {
    const StartReservation* first = nullptr;
    for (auto at = all_.lower_bound({partition, JobId{0}});
         at != all_.end() && at->first.first == partition; ++at) {
        first = first == nullptr || at->second.order < first->order ? &at->second : first;
    }
    return first;
}

const NodeState* StartReservation::then_on(NodeId node) const {
    const std::size_t position = position_of(nodes, node);
    return position == nodes.size() ? nullptr : &then[position];
}

void StartReservation::give_up(const EnterpriseId& owner, const NodeAllocation& allocation) {
    const std::size_t position = position_of(nodes, allocation.node);
    if (position < nodes.size() && then[position].can_take(owner, allocation)) {
        then[position].take(owner, allocation);
    }
}

bool leaves_room(const StartReservation& reservation, const Cluster& cluster,
                 const GangRequest& request, NodeId node) {
    return reservation.then_on(node) == nullptr ||
           leaves_room(reservation, cluster, request, node, cluster.at(node).state);
}

bool leaves_room(const StartReservation& reservation, const Cluster& cluster,
                 const GangRequest& request, NodeId node, const NodeState& now) {
    const NodeState* then = reservation.then_on(node);
    if (then == nullptr) {
        return true;
    }
    const GangRequest& promised = reservation.request;
    if (!enough_of_each(*then, promised.shape, request.shape)) {
        return false;
    }
    const std::optional<NodeFit> asked =
        fit(now, request.shape, cluster.partition(request.partition)->share);
    const EnterpriseId& owner = cluster.owner_on(cluster.at(node), now, request.enterprise);
    if (!asked || !now.open_to(request.enterprise) || !then->can_take(owner, asked->allocation)) {
        return false;
    }
    NodeState beside_it = *then;
    beside_it.take(owner, asked->allocation);
    return beside_it.open_to(promised.enterprise) &&
           can_fit(beside_it, promised.shape, cluster.partition(promised.partition)->share);
}

NodeFilter beside(std::vector<const StartReservation*> bars, const Cluster& cluster,
                  const GangRequest& request) {
    if (bars.empty()) {
        return {};
    }
    return [bars = std::move(bars), &cluster, request](NodeId node) {
        return std::ranges::all_of(bars, [&](const StartReservation* each) {
            return leaves_room(*each, cluster, request, node);
        });
    };
}

}  // namespace khu
