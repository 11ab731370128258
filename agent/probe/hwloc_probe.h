#pragma once

/// \file
/// The node's topology, read with hwloc: of this machine, or of another one from a file that lstopo
/// wrote, so that a machine without GPUs can stand in for a DGX. The only room that knows hwloc. A
/// file is untrusted: it is bounded, read by hwloc's built-in parser, and what comes out is checked
/// like an agent's report.

#include <string>
#include <vector>

#include "agent/probe/mig_probe.h"
#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "core/topology/inventory.h"

namespace khu::agent {

struct Probed {
    Inventory inventory;
    std::vector<std::string> notes;  ///< of GPUs that are not offered, and why
};

/// This machine: only what this process may use (its cpuset), GPUs only where their device files
/// are, and a GPU in MIG mode as its slices.
/// Errors: ProbeFailed, BadInventory.
Expected<Probed, Refusal> probe_machine(const MigQuestion& mig = {});

/// The machine that hwloc XML describes; its GPUs have no device files. One with the info
/// attribute "KhuMig" (docs/formats/topology.md) is presented as its slices. Sets
/// HWLOC_LIBXML_IMPORT in the environment: call it before threads start.
/// Errors: TopologyUnreadable, TopologyTooLarge, TopologyNewer, TopologyDamaged, BadInventory.
Expected<Inventory, Refusal> probe_file(const std::string& path);

}  // namespace khu::agent
