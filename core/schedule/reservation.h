#pragma once

/// \file
/// The promise to the first job that waits for resources: when it starts at the latest, on which
/// nodes, and what will be free there then. Who outlasts that moment may use such a node only as
/// far as the promised job still fits beside it, so that what the promise does not need stays
/// usable.
///
/// What is free then is kept as a whole node, not as a number: the same rules that will place the
/// promised job (cores and memory beside its GPUs, nobody's GPU stranded, no other enterprise's job
/// on the node) are asked now.

#include <vector>

#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/placement/gang.h"
#include "core/schedule/queue.h"

namespace khu {

/// The first job of a partition that waits for resources starts at `at` or earlier, on `nodes`.
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
    /// An attempt of that enterprise that outlasts `at` takes it. Other nodes change nothing.
    void give_up(const EnterpriseId& owner, const NodeAllocation& allocation);
};

/// Whether a job that starts with `request` on that node now, and outlasts the reservation, leaves
/// the promised job its place there. True for nodes that are not reserved; false where `request`
/// does not fit now.
bool leaves_room(const StartReservation& reservation, const Cluster& cluster,
                 const GangRequest& request, NodeId node);

/// The nodes on which `request` leaves room for all of them; empty (every node) for none. Keeps the
/// pointers and the cluster, and a copy of the request.
NodeFilter beside(std::vector<const StartReservation*> bars, const Cluster& cluster,
                  const GangRequest& request);

}  // namespace khu
