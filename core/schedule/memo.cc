#include "core/schedule/memo.h"

#include "core/base/check.h"
#include "core/placement/fit.h"

namespace khu {

ShapeBlock RoundMemo::block(ShapeNumber shape) const {
    const auto found = blocks_.find(shape);
    return found == blocks_.end() ? ShapeBlock::None : found->second;
}

const Reason* RoundMemo::parked(LaneNumber lane) const {
    const auto found = parked_.find(lane);
    return found == parked_.end() ? nullptr : &found->second.reason;
}

bool RoundMemo::wakes(Wake wake, ShapeBlock block) {
    switch (block) {
        case ShapeBlock::None:
            return false;  // It is touched already, or all its lanes are parked.
        case ShapeBlock::Barred:
            return true;
        case ShapeBlock::Busy:
            return wake != Wake::Barred;
        case ShapeBlock::Unavailable:
            return wake == Wake::Opened;
    }
    KHU_CHECK(false, "block {}", static_cast<int>(block));
}

std::vector<ShapeNumber> RoundMemo::could_use(const ClusterNode& node, const Cluster& cluster,
                                              const Queue& queue, Wake wake) const {
    std::vector<ShapeNumber> shapes;
    for (const PartitionId& partition : cluster.partitions_of(node)) {
        const GpuShare& share = cluster.partition(partition)->share;
        for (const auto& [head, shape] : queue.heads_in(partition)) {
            if (!wakes(wake, block(shape))) {
                continue;
            }
            // What may still be in use on a node that is back ends one day.
            const GangRequest& request = queue.shape(shape)->request;
            const bool useful = block(shape) == ShapeBlock::Unavailable
                                    ? could_fit(node.state.node_class(), request.shape, share)
                                    : node.state.open_to(request.enterprise) &&
                                          can_fit(node.state, request.shape, share);
            if (useful) {
                shapes.push_back(shape);
            }
        }
    }
    return shapes;
}

void RoundMemo::wake_shapes(Wake wake, const ClusterNode& node, const Cluster& cluster,
                            const Queue& queue) {
    if (node.health != NodeHealth::Up) {
        return;
    }
    for (const PartitionId& partition : cluster.partitions_of(node)) {
        drop_reservations(partition);
        if (queue.has_alternatives()) {
            headless_.insert(partition);  // One promised elsewhere may have its place here sooner.
        }
    }
    for (const ShapeNumber shape : could_use(node, cluster, queue, wake)) {
        blocks_.erase(shape);
        touched_.insert(shape);
    }
}

void RoundMemo::on_freed(const ClusterNode& node, const Cluster& cluster, const Queue& queue) {
    wake_shapes(Wake::Freed, node, cluster, queue);
}

void RoundMemo::on_opened(const ClusterNode& node, const Cluster& cluster, const Queue& queue) {
    wake_shapes(Wake::Opened, node, cluster, queue);
}

void RoundMemo::on_closed(const ClusterNode& node, const Cluster& cluster) {
    for (const PartitionId& partition : cluster.partitions_of(node)) {
        drop_reservations(partition);
    }
}

void RoundMemo::on_left(JobId job, const PartitionId& partition, LaneNumber lane,
                        const Queue& queue) {
    const Lane* left = queue.lane(lane);
    if (left == nullptr || left->ready.empty()) {
        unpark(lane);
    }
    drop_reservation({partition, job});
}

/// Behind the job that has the reservation nothing changes for it; before it, another may be first.
void RoundMemo::on_reordered(const PartitionId& partition, QueueOrder first) {
    for (const PromiseKey& key : promises_.of(partition)) {
        if (first <= promises_.find(key)->order) {
            drop_reservation(key);
        }
    }
}

void RoundMemo::on_admission(const EnterpriseId& enterprise) {
    const auto found = parked_of_.find(enterprise);
    if (found == parked_of_.end()) {
        return;
    }
    const std::set<LaneNumber> lanes = found->second;
    for (const LaneNumber lane : lanes) {
        on_admission(lane);
    }
}

void RoundMemo::on_admission(LaneNumber lane) {
    if (const auto found = parked_.find(lane); found != parked_.end()) {
        touched_.insert(found->second.shape);
        unpark(lane);
    }
}

void RoundMemo::on_admission() {
    while (!parked_of_.empty()) {
        on_admission(EnterpriseId{parked_of_.begin()->first});
    }
}

void RoundMemo::park(LaneNumber lane, Parked parked) {
    unpark(lane);
    parked_of_[parked.enterprise].insert(lane);
    ++parked_in_[parked.shape];
    parked_.emplace(lane, std::move(parked));
}

void RoundMemo::unpark(LaneNumber lane) {
    const auto found = parked_.find(lane);
    if (found == parked_.end()) {
        return;
    }
    const auto of = parked_of_.find(found->second.enterprise);
    of->second.erase(lane);
    if (of->second.empty()) {
        parked_of_.erase(of);
    }
    const auto in = parked_in_.find(found->second.shape);
    if (--in->second == 0) {
        parked_in_.erase(in);
    }
    parked_.erase(found);
}

bool RoundMemo::all_parked(ShapeNumber shape, const Queue& queue) const {
    const auto found = parked_in_.find(shape);
    return found != parked_in_.end() &&
           found->second == static_cast<std::int64_t>(queue.shape(shape)->heads.size());
}

void RoundMemo::drop_reservation(const PromiseKey& key) {
    const auto found = promises_.all().find(key);
    if (found == promises_.all().end()) {
        return;
    }
    headless_.insert(key.first);
    dropped_.insert_or_assign(key, std::move(found->second));
    promises_.all().erase(found);
}

void RoundMemo::drop_reservations(const PartitionId& partition) {
    for (const PromiseKey& key : promises_.of(partition)) {
        drop_reservation(key);
    }
}

void RoundMemo::forget_shape(ShapeNumber shape) {
    blocks_.erase(shape);
    touched_.erase(shape);
}

void RoundMemo::start_over(const Queue& queue) {
    *this = RoundMemo{};
    all_ = false;
    for (const auto& [partition, heads] : queue.partitions()) {
        for (const auto& [head, shape] : heads) {
            touched_.insert(shape);
        }
    }
}

}  // namespace khu
