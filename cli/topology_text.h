#pragma once

/// \file
/// A node's packages, memory, cores, GPUs and NICs as an indented text, and how its GPUs reach one
/// another as a matrix; for `khu nodes --topology`.

#include <string>
#include <vector>

#include "core/topology/inventory.h"
#include "wire/api.h"

namespace khu::cli {

/// `slices`: how many of them are free, under the GPUs that they are cut from.
std::string topology_text(const Inventory& inventory, const std::vector<wire::SlicesView>& slices);

}  // namespace khu::cli
