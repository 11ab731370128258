#pragma once

/// \file
/// What a placement says about itself: how far it spreads, how well its GPUs are linked, how good
/// both could have been on an empty zone, and which hard rules were evaluated.
///
/// Score: 1000 for each level of the zone tree above one node that the gang spreads over (switch 1,
/// rack 2, room 3, zone 4), plus for the worst of its nodes 100 for each tier of the worst link, 10
/// for each NUMA node more than one, 1 for each package more than one and for cores or memory that
/// are not near.

#include <span>

#include "core/jobs/placement.h"
#include "core/placement/gang.h"

namespace khu {

/// One node's part of the score.
std::int64_t node_score(const FitScore& fit);

/// The smallest subtree that holds them all; none for one node.
std::optional<ZoneLevel> span_of(std::span<const ClusterNode* const> nodes);

Receipt make_receipt(const Cluster& cluster, const GangRequest& request,
                     std::span<const ClusterNode* const> nodes, std::span<const NodeFit> fits);

}  // namespace khu
