#pragma once

/// \file
/// How good a placement is in one number, 0 is best, and how good it could have been.
///
/// Score: 1000 for each level of the zone tree above one node that the gang spreads over (switch 1,
/// rack 2, room 3, zone 4), plus for the worst of its nodes 100 for each tier of the worst link, 10
/// for each NUMA node more than one, 1 for each package more than one and for cores or memory that
/// are not near.

#include <cstdint>
#include <optional>
#include <span>

#include "core/placement/cluster.h"
#include "core/placement/gang.h"

namespace khu {

/// One node's part of the score.
std::int64_t node_score(const FitScore& fit);
/// The part of the subtree; 0 for one node.
std::int64_t span_score(const std::optional<ZoneLevel>& span);

/// The smallest subtree that holds them all; none for one node.
std::optional<ZoneLevel> span_of(std::span<const ClusterNode* const> nodes);

/// The score of the same request if every node of its partition were empty. Depends on hardware
/// and places only, so the cluster remembers it. Claims: the partition is known, and some node can
/// ever fit.
std::int64_t best_score(const Cluster& cluster, const GangRequest& request);

}  // namespace khu
