#pragma once

/// \file
/// What a placement says about itself: how far it spreads, how well its GPUs are linked, how good
/// both could have been on an empty zone, and which hard rules were evaluated.

#include <span>

#include "core/jobs/placement.h"
#include "core/placement/gang.h"

namespace khu {

Receipt make_receipt(const Cluster& cluster, const GangRequest& request,
                     std::span<const ClusterNode* const> nodes, std::span<const NodeFit> fits);

}  // namespace khu
