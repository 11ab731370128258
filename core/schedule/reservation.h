#pragma once

/// \file
/// The promise to one of the first jobs that wait for resources: when it starts at the latest, on
/// which nodes, and what will be free there then. Who outlasts that moment may use such a node only
/// as far as the promised job still fits beside it, so that what the promise does not need stays
/// usable.
///
/// What is free then is kept as a whole node, not as a number: the same rules that will place the
/// promised job (cores and memory beside its GPUs, nobody's GPU stranded, no other enterprise's job
/// on the node) are asked now.

#include <map>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/placement/gang.h"
#include "core/schedule/queue.h"

namespace khu {

/// Whose promise: a job of that partition.
using PromiseKey = std::pair<PartitionId, JobId>;

/// One of the first jobs of a partition that wait for resources starts at `at` or earlier, on
/// `nodes`.
struct StartReservation {
    JobId job;
    QueueOrder order;
    ShapeNumber shape{0};
    GangRequest request;
    Moment at;
    std::vector<NodeId> nodes;    ///< ascending
    std::vector<NodeState> then;  ///< by node: at `at`, before the job takes its part
    bool operator==(const StartReservation&) const = default;

    /// What will be free on the node; null if it is not one of its nodes.
    [[nodiscard]] const NodeState* then_on(NodeId node) const;
    /// An attempt of that enterprise that outlasts `at` takes it. Other nodes change nothing, nor
    /// does what was never counted on.
    void give_up(const EnterpriseId& owner, const NodeAllocation& allocation);
};

/// The promises of a zone. A partition has a handful at most: policy, `reservations`.
class Promises {
public:
    [[nodiscard]] const std::map<PromiseKey, StartReservation>& all() const { return all_; }
    [[nodiscard]] std::map<PromiseKey, StartReservation>& all() { return all_; }
    /// Null if there is none.
    [[nodiscard]] const StartReservation* find(const PromiseKey& key) const;
    /// In the order of their jobs.
    [[nodiscard]] std::vector<PromiseKey> of(const PartitionId& partition) const;
    /// Of the foremost job; null if there is none.
    [[nodiscard]] const StartReservation* first_of(const PartitionId& partition) const;

private:
    std::map<PromiseKey, StartReservation> all_;
};

/// Whether a job that starts with `request` on that node now, and outlasts the reservation, leaves
/// the promised job its place there. True for nodes that are not reserved; false where `request`
/// does not fit now.
bool leaves_room(const StartReservation& reservation, const Cluster& cluster,
                 const GangRequest& request, NodeId node);
/// The same if `now` is free there when it starts.
bool leaves_room(const StartReservation& reservation, const Cluster& cluster,
                 const GangRequest& request, NodeId node, const NodeState& now);

/// The nodes on which `request` leaves room for all of them; empty (every node) for none. Keeps the
/// pointers and the cluster, and a copy of the request.
NodeFilter beside(std::vector<const StartReservation*> bars, const Cluster& cluster,
                  const GangRequest& request);

}  // namespace khu
