#pragma once

/// \file
/// Sets of devices of one node: the very GPUs, cores and memory that an attempt takes there.
/// Positions are those of the node's Inventory.

#include <cstdint>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu {

struct MemorySlice {
    int numa{0};  ///< position in numa_nodes
    Bytes bytes;
    bool operator==(const MemorySlice&) const = default;
};
KHU_DESCRIBE(MemorySlice, numa, bytes)

struct NodeAllocation {
    NodeId node;
    std::vector<int> gpus;   ///< ascending positions in Inventory::gpus
    std::vector<int> cores;  ///< ascending positions in Inventory::cores
    std::vector<MemorySlice> memory;
    bool operator==(const NodeAllocation&) const = default;
};
KHU_DESCRIBE(NodeAllocation, node, gpus, cores, memory)

}  // namespace khu
