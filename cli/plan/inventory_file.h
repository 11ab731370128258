#pragma once

/// \file
/// One node as it was measured: what `khu-agent probe --format json` prints, kept in a file.
/// hwloc's own XML is turned into that by the agent, which alone knows hwloc: the khu-agent beside
/// this program, or the one in PATH, is asked.

#include <string>

#include "core/base/expected.h"
#include "core/topology/inventory.h"

namespace khu::cli {

struct BadInventory {
    std::string code;
    std::string en;
    std::string vi;
};

/// Errors: P000 the file cannot be read, P008 it is no inventory, or hwloc XML that no agent reads.
Expected<Inventory, BadInventory> read_inventory(const std::string& path);

}  // namespace khu::cli
