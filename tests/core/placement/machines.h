#pragma once

/// \file
/// Nodes and clusters for the tests of placement and scheduling, in words.

#include <memory>
#include <string>
#include <vector>

#include "core/placement/cluster.h"
#include "core/placement/gang.h"

namespace khu::machines {

/// `numas` NUMA nodes, each its own package, with equal parts of everything; GPUs all linked alike.
struct Build {
    int numas{2};
    int cores{112};
    int gpus{8};
    Bytes memory{gibibytes(2048)};
    std::string model{"h100"};
    LinkKind link{LinkKind::NvSwitch};
};

inline Inventory inventory(const Build& build) {
    Inventory it;
    it.hostname = "test";
    it.source = "file";
    it.packages = build.numas;
    for (int n = 0; n < build.numas; ++n) {
        it.numa_nodes.push_back(
            {.os_index = n, .package = n, .memory = Bytes{build.memory.value / build.numas}});
        it.memory += it.numa_nodes.back().memory;
    }
    for (int c = 0; c < build.cores; ++c) {
        const int numa = c * build.numas / build.cores;
        it.cores.push_back({.package = numa, .numa = numa, .pus = {c}});
    }
    for (int g = 0; g < build.gpus; ++g) {
        const int numa = g * build.numas / build.gpus;
        Gpu gpu;
        gpu.model = GpuModel{build.model};
        gpu.numa = gpu.package = numa;
        gpu.pci = std::to_string(g);
        it.gpus.push_back(gpu);
        for (int other = 0; other < g; ++other) {
            const bool same = it.gpus[other].numa == numa;
            const LinkKind far = same ? LinkKind::SameNuma : LinkKind::SystemBus;
            const LinkKind kind = build.link == LinkKind::SystemBus ? far : build.link;
            it.links.push_back({.from = other, .to = g, .kind = kind, .megabytes_per_second = 0});
        }
    }
    return it;
}

inline std::shared_ptr<const NodeClass> node_class(const Build& build) {
    return std::make_shared<const NodeClass>(inventory(build));
}
inline Build dgx() {
    return {};
}
/// Eight GPUs that see one another only over PCIe and the processors' bus.
inline Build t4_server() {
    return {.cores = 48, .memory = gibibytes(384), .model = "t4", .link = LinkKind::SystemBus};
}
inline Build cpu_node(int cores) {
    return {.cores = cores, .gpus = 0, .memory = gibibytes(256)};
}

inline const PartitionId kPartition{"gpu"};
inline const GpuShare kShare{.cores = 12, .memory = gibibytes(240)};
inline const EnterpriseId kSaoMai{"0401000001"};
inline const EnterpriseId kHanRiver{"0401000002"};

/// `count` equal nodes 1 .. count named n1 ..., in racks of `rack_of`; all in partition "gpu".
inline Cluster cluster(int count, const std::shared_ptr<const NodeClass>& type, int rack_of = 0,
                       const GpuShare& share = kShare) {
    Cluster made;
    PartitionNodes partition{.id = kPartition, .nodes = {}, .share = share};
    for (int n = 1; n <= count; ++n) {
        partition.nodes.emplace_back("n" + std::to_string(n));
    }
    made.set_partitions({partition});
    for (int n = 1; n <= count; ++n) {
        NodeLocation location;
        if (rack_of > 0) {
            location = {.room = "hall", .rack = "r" + std::to_string((n - 1) / rack_of)};
        }
        made.add(NodeId{static_cast<std::uint64_t>(n)}, NodeName{"n" + std::to_string(n)}, type,
                 location, NodeHealth::Up);
    }
    return made;
}

inline GangRequest gpus(int per_node, int nodes = 1) {
    GangRequest request;
    request.partition = kPartition;
    request.enterprise = kSaoMai;
    request.nodes = nodes;
    request.shape = {.gpus = per_node,
                     .gpu_model = {},
                     .cores = per_node * 4,
                     .memory = gibibytes(8) * per_node,
                     .exclusive = false};
    return request;
}

inline void take(Cluster& cluster, const EnterpriseId& enterprise, const Placement& placement) {
    for (const NodeAllocation& allocation : placement.nodes) {
        cluster.take(enterprise, allocation);
    }
}

}  // namespace khu::machines
