#include "core/machine/capacity.h"

#include <algorithm>

#include "core/policy/policy.h"

namespace khu {

std::int64_t node_milli(const Policy& policy, const Partition& partition,
                        const Inventory& inventory) {
    const auto weight = [&](const GpuModel& model) {
        return std::int64_t{weight_milli(policy, model).value_or(0)};
    };
    if (partition.gpus_per_node > 0) {
        return node_weight_milli(policy, partition);
    }
    const auto cores = static_cast<std::int64_t>(inventory.cores.size());
    const std::int64_t gib = inventory.memory.value / gibibytes(1).value;
    return std::max(cores * weight(partition.share.core), gib * weight(partition.share.mem));
}

void CapacityMeter::start(Moment since, std::vector<CapacityTotal> known) {
    since_ = since;
    totals_.clear();
    for (CapacityTotal& each : known) {
        const PartitionId id = each.partition;
        totals_[id] = std::move(each);
    }
}

void CapacityMeter::advance(Moment at) {
    const std::int64_t span = since_ == Moment{0} ? 0 : (at - since_).value;
    if (span > 0) {
        for (const auto& [id, rate] : rates_) {
            CapacityTotal& total = totals_[id];
            total.partition = id;
            total.installed += Atoms{rate.installed * span};
            total.down += Atoms{rate.down * span};
            total.maintenance += Atoms{rate.maintenance * span};
            total.reserved_idle += Atoms{rate.reserved_idle * span};
        }
    }
    since_ = std::max(since_, at);
}

void CapacityMeter::set(NodeId node, const NodeCapacity& is) {
    NodeCapacity& was = nodes_[node];
    if (was == is) {
        return;
    }
    add(rates_[was.partition], was, -1);
    add(rates_[is.partition], is, 1);
    was = is;
    rates_.erase(PartitionId{});
}

void CapacityMeter::add(Rate& rate, const NodeCapacity& node, std::int64_t sign) {
    rate.installed += sign * node.milli;
    rate.down += node.down ? sign * node.milli : 0;
    rate.maintenance += node.maintenance && !node.down ? sign * node.milli : 0;
    rate.reserved_idle += node.maintenance || node.down ? 0 : sign * node.reserved_idle;
}

std::vector<CapacityTotal> CapacityMeter::totals() const {
    std::vector<CapacityTotal> all;
    for (const auto& [id, total] : totals_) {
        all.push_back(total);
    }
    return all;
}

}  // namespace khu
