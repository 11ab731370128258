#pragma once

/// \file
/// One node as it was measured: what `khu-agent probe --format json` prints, kept in a file.
/// hwloc's own XML is not read here, because only the agent knows hwloc; the agent turns one into
/// the other.

#include <string>

#include "core/base/expected.h"
#include "core/topology/inventory.h"

namespace khu::cli {

struct BadInventory {
    std::string code;
    std::string en;
    std::string vi;
};

/// Errors: P000 the file cannot be read, P008 it is hwloc XML or no inventory.
Expected<Inventory, BadInventory> read_inventory(const std::string& path);

}  // namespace khu::cli
