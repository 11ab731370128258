#pragma once

/// \file
/// A node's MIG slices as the API shows them: under the GPUs that they are cut from.

#include <vector>

#include "core/topology/inventory.h"
#include "core/topology/node_class.h"
#include "wire/api.h"

namespace khu::daemon {

/// One row for each GPU and model, in the node's order. `free`: of its GPUs and slices.
std::vector<wire::SlicesView> slices_of(const Inventory& inventory, GpuMask free);

}  // namespace khu::daemon
