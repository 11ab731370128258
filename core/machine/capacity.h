#pragma once

/// \file
/// What the zone could have given: the capacity of its nodes over time, by partition, in the same
/// unit as what was used, and how much of it was down, in maintenance or set aside for nobody. Kept
/// as sums that grow when a node changes; each month has its own, cut at local midnight.
///
///     used + reserved idle + idle + down + maintenance = installed
///
/// Thousandths of the reference GPU times milliseconds are atoms, so nothing rounds. A drained node
/// is in maintenance once its last job has left it.

#include <map>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/ledger/zone_report.h"
#include "core/policy/policy.h"
#include "core/topology/inventory.h"

namespace khu {

/// What one node adds to its partition at a time.
struct NodeCapacity {
    PartitionId partition;  ///< empty: none
    std::int64_t milli{0};
    bool down{false};
    bool maintenance{false};
    std::int64_t reserved_idle{0};  ///< of `milli`, while it is neither down nor in maintenance
    bool operator==(const NodeCapacity&) const = default;
};

/// Thousandths of the reference GPU of the whole node.
std::int64_t node_milli(const Policy& policy, const Partition& partition,
                        const Inventory& inventory);

class CapacityMeter {
public:
    /// `known`: of the month so far, counted up to `since`.
    void start(Moment since, std::vector<CapacityTotal> known);
    /// Counts the time up to `at`; an earlier moment adds nothing.
    void advance(Moment at);
    /// From now on the node is that. Call advance() before.
    void set(NodeId node, const NodeCapacity& is);

    [[nodiscard]] Moment since() const { return since_; }
    [[nodiscard]] std::vector<CapacityTotal> totals() const;
    /// Begins a new month.
    void reset() { totals_.clear(); }

private:
    struct Rate {
        std::int64_t installed{0}, down{0}, maintenance{0}, reserved_idle{0};  ///< thousandths
    };
    static void add(Rate& rate, const NodeCapacity& node, std::int64_t sign);

    Moment since_;
    std::map<PartitionId, CapacityTotal> totals_;
    std::map<PartitionId, Rate> rates_;
    std::map<NodeId, NodeCapacity> nodes_;
};

}  // namespace khu
