#pragma once

/// \file
/// What one node has, as its agent measured it with hwloc: packages, NUMA nodes, cores, memory,
/// GPUs, NICs and the links between GPUs. Plain data, no hwloc in sight: agent/hwloc_probe makes
/// it, the wire carries it, placement reads it. Indices are positions in the vectors below unless
/// they say `os_index`, which is the number that the node's own kernel uses.
///
/// Rules learnt from real machines: an accelerator is counted once per PCI device, whichever OS
/// devices it has; a display chip of the board is not one; NUMA numbers may have gaps; a NUMA node
/// may have memory and no cores; a device's locality is the nearest ancestor that has a cpuset.
///
/// A GPU in MIG mode is not here itself: its slices are, each a device of its own with the PCI
/// address of the GPU that it is cut from. Whole GPUs come first, then the slices.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu {

struct NumaNode {
    int os_index{0};
    int package{-1};  ///< position of its package; -1 if it lies above packages
    Bytes memory;     ///< local memory that jobs may use
    bool operator==(const NumaNode&) const = default;
};
KHU_DESCRIBE(NumaNode, os_index, package, memory)

/// A physical core. Jobs get whole cores, so PUs of one core are never shared between jobs.
struct Core {
    int package{-1};
    int numa{-1};          ///< position in numa_nodes of the nearest memory; -1 if none
    std::vector<int> pus;  ///< os_index of each hardware thread
    bool operator==(const Core&) const = default;
};
KHU_DESCRIBE(Core, package, numa, pus)

struct Gpu {
    GpuModel model;       ///< normalised: "h100", "a100-80", "mi250x", "t4"
    std::string product;  ///< as the device names itself: "NVIDIA H100 80GB HBM3"
    std::string pci;      ///< "0000:1b:00.0"; of a MIG slice that of its GPU
    std::string uuid;     ///< empty if the topology does not say
    Bytes memory;         ///< 0 if unknown
    int numa{-1};         ///< position in numa_nodes; -1 if none is near
    int package{-1};
    std::vector<std::string>
        devices;          ///< device files a job needs: "/dev/nvidia0"; empty when presented
    std::string profile;  ///< of a MIG slice, NVIDIA's name: "1g.10gb"; empty: a whole GPU
    [[nodiscard]] bool is_slice() const { return !profile.empty(); }
    bool operator==(const Gpu&) const = default;
};
KHU_DESCRIBE(Gpu, model, product, pci, uuid, memory, numa, package, devices, profile)

struct Nic {
    std::string name;  ///< "mlx5_0", "hfi1_0", "eth0"
    std::string kind;  ///< "infiniband", "omni-path", "ethernet"
    std::string pci;
    int numa{-1};
    bool operator==(const Nic&) const = default;
};
KHU_DESCRIBE(Nic, name, kind, pci, numa)

/// How two GPUs of a node reach one another, best first.
enum class LinkKind { NvLink, NvSwitch, Xgmi, PcieSwitch, SameNuma, SamePackage, SystemBus };
KHU_DESCRIBE_ENUM(LinkKind, NvLink, NvSwitch, Xgmi, PcieSwitch, SameNuma, SamePackage, SystemBus)

struct GpuLink {
    int from{0};  ///< positions in gpus, from < to; both whole
    int to{0};
    LinkKind kind{LinkKind::SystemBus};
    std::int64_t megabytes_per_second{0};  ///< 0 if the topology does not say
    bool operator==(const GpuLink&) const = default;
};
KHU_DESCRIBE(GpuLink, from, to, kind, megabytes_per_second)

struct Inventory {
    std::string hostname;
    std::string source;  ///< "probe" or "file": a presented topology has no device files
    int packages{0};
    std::vector<NumaNode> numa_nodes;
    std::vector<Core> cores;
    std::vector<Gpu> gpus;
    std::vector<Nic> nics;
    std::vector<GpuLink> links;  ///< every pair of whole GPUs exactly once
    Bytes memory;                ///< sum of numa_nodes
    bool operator==(const Inventory&) const = default;
};
KHU_DESCRIBE(Inventory, hostname, source, packages, numa_nodes, cores, gpus, nics, links, memory)

}  // namespace khu
