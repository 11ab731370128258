#pragma once

/// \file
/// A node's packages, memory, cores, GPUs and NICs as an indented text, and how its GPUs reach one
/// another as a matrix; for `khu nodes --topology`.

#include <string>

#include "core/topology/inventory.h"

namespace khu::cli {

std::string topology_text(const Inventory& inventory);

}  // namespace khu::cli
