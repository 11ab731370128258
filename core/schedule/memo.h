#pragma once

/// \file
/// What earlier rounds found out and what has changed since, so that a round looks only at shapes
/// for which something is new. It is derived and never stored; after a restart it starts empty,
/// with everything to be looked at.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/base/units.h"
#include "core/placement/cluster.h"
#include "core/schedule/queue.h"
#include "core/schedule/reservation.h"

namespace khu {

/// Why a shape's jobs do not start, as far as placement is concerned.
enum class ShapeBlock {
    None,         ///< not known: try
    Busy,         ///< does not fit anywhere now, and nothing it could use was freed since
    Barred,       ///< fits only where a job before it has reserved
    Unavailable,  ///< too few nodes are up, whatever ends
};

class RoundMemo {
public:
    /// A job of that shape is new or may be looked at again.
    void touch(ShapeNumber shape) { touched_.insert(shape); }
    /// An attempt gave back what it had on the node.
    void on_freed(const ClusterNode& node, const Cluster& cluster, const Queue& queue);
    /// The node is new or takes jobs again.
    void on_opened(const ClusterNode& node, const Cluster& cluster, const Queue& queue);
    /// The node takes no more jobs.
    void on_closed(const ClusterNode& node, const Cluster& cluster);
    /// The job left the queue, started or not; `lane` was its lane.
    void on_left(JobId job, const PartitionId& partition, LaneNumber lane, const Queue& queue);
    /// No ready job has that shape any more.
    void forget_shape(ShapeNumber shape);
    /// Money, limits or shares of the enterprise changed: ask again for its lanes.
    void on_admission(const EnterpriseId& enterprise);
    /// The same for everybody.
    void on_admission();
    /// What that lane was refused for may be otherwise.
    void on_admission(LaneNumber lane);
    /// Jobs of the partition changed places; `first` is the earliest place that was left or taken.
    void on_reordered(const PartitionId& partition, QueueOrder first);
    /// Everything may have changed: a new policy, a restart.
    void on_policy() { all_ = true; }
    /// True if a round might find something to do.
    [[nodiscard]] bool anything_new() const {
        return all_ || !touched_.empty() || !headless_.empty();
    }

    [[nodiscard]] ShapeBlock block(ShapeNumber shape) const;
    /// What admission said of the lane; null if it was not refused.
    [[nodiscard]] const Reason* parked(LaneNumber lane) const;
    /// Of the first jobs that wait for resources in each partition.
    [[nodiscard]] const std::map<PromiseKey, StartReservation>& reservations() const {
        return promises_.all();
    }
    [[nodiscard]] const Promises& promises() const { return promises_; }

private:
    friend class Round;

    struct Parked {
        Reason reason;
        ShapeNumber shape;
        EnterpriseId enterprise;
    };
    /// Blocked shapes that are to be looked at again, by what happened.
    enum class Wake { Barred, Freed, Opened };
    [[nodiscard]] static bool wakes(Wake wake, ShapeBlock block);
    void wake_shapes(Wake wake, const ClusterNode& node, const Cluster& cluster,
                     const Queue& queue);
    /// The shapes of the node's partitions that `wake` is for and that fit into what is free there.
    [[nodiscard]] std::vector<ShapeNumber> could_use(const ClusterNode& node,
                                                     const Cluster& cluster, const Queue& queue,
                                                     Wake wake) const;
    void drop_reservation(const PromiseKey& key);
    void drop_reservations(const PartitionId& partition);
    void park(LaneNumber lane, Parked parked);
    void unpark(LaneNumber lane);
    /// Whether every lane of the shape was refused by admission.
    [[nodiscard]] bool all_parked(ShapeNumber shape, const Queue& queue) const;
    void start_over(const Queue& queue);

    bool all_{true};
    std::set<ShapeNumber> touched_;
    std::unordered_map<ShapeNumber, ShapeBlock> blocks_;  // looked up, never walked
    std::unordered_map<LaneNumber, Parked> parked_;       // the same
    std::map<EnterpriseId, std::set<LaneNumber>> parked_of_;
    std::unordered_map<ShapeNumber, std::int64_t> parked_in_;  // the same
    Promises promises_;
    /// Partitions whose first waiting jobs must be found anew, and the reservations that there
    /// were: jobs they barred may go where they have let go.
    std::set<PartitionId> headless_;
    std::map<PromiseKey, StartReservation> dropped_;
};

}  // namespace khu
