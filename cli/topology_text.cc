#include "cli/topology_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/views.h"

namespace khu::cli {
namespace {

using Slices = std::vector<wire::SlicesView>;

/// "nvlink 300 GB/s" is too wide for a matrix.
std::string_view letters(LinkKind kind) {
    switch (kind) {
        case LinkKind::NvLink:
            return "NVL";
        case LinkKind::NvSwitch:
            return "NVS";
        case LinkKind::Xgmi:
            return "XGMI";
        case LinkKind::PcieSwitch:
            return "PIX";
        case LinkKind::SameNuma:
            return "NODE";
        case LinkKind::SamePackage:
            return "PKG";
        case LinkKind::SystemBus:
            return "SYS";
    }
    return "?";
}

std::vector<int> cores_of(const Inventory& inventory, int numa) {
    std::vector<int> out;
    for (std::size_t i = 0; i < inventory.cores.size(); ++i) {
        if (inventory.cores[i].numa == numa) {
            out.push_back(static_cast<int>(i));
        }
    }
    return out;
}

/// ": 0 of 1 h100-3g-40gb, 2 of 4 h100-1g-10gb free".
std::string free_slices(const Slices& slices, const std::string& gpu) {
    std::string out;
    for (const wire::SlicesView& row : slices) {
        if (row.gpu == gpu) {
            out += fmt::format("{} {} of {} {}", out.empty() ? ":" : ",", row.free, row.slices,
                               row.model);
        }
    }
    return out.empty() ? out : out + " free";
}

/// What hangs on one NUMA node, or with -1 on none.
std::string devices_near(const Inventory& inventory, const Slices& slices, int numa) {
    std::string out;
    for (std::size_t i = 0; i < inventory.gpus.size(); ++i) {
        const Gpu& gpu = inventory.gpus[i];
        if (gpu.numa != numa) {
            continue;
        }
        if (!gpu.is_slice()) {
            out += fmt::format("    gpu {}: {} {}\n", i, gpu.model.value, gpu.pci);
            continue;
        }
        if (i == 0 || inventory.gpus[i - 1].pci != gpu.pci) {
            out +=
                fmt::format("    gpu {} in MIG slices{}\n", gpu.pci, free_slices(slices, gpu.pci));
        }
        out += fmt::format("      gpu {}: {} {}\n", i, gpu.model.value, gpu.uuid);
    }
    for (const Nic& nic : inventory.nics) {
        if (nic.numa == numa) {
            out += fmt::format("    nic {}: {}\n", nic.name, nic.kind);
        }
    }
    return out;
}

std::int64_t whole_gpus(const Inventory& inventory) {
    return std::ranges::count_if(inventory.gpus, [](const Gpu& gpu) { return !gpu.is_slice(); });
}

std::string link_matrix(const Inventory& inventory) {
    const auto count = static_cast<std::size_t>(whole_gpus(inventory));
    std::vector<std::string_view> cells(count * count, "-");
    for (const GpuLink& link : inventory.links) {
        const auto from = static_cast<std::size_t>(link.from);
        const auto to = static_cast<std::size_t>(link.to);
        if (from < count && to < count) {
            cells[from * count + to] = cells[to * count + from] = letters(link.kind);
        }
    }
    std::string out = "  gpus ";
    for (std::size_t i = 0; i < count; ++i) {
        out += fmt::format("{:>5}", i);
    }
    for (std::size_t i = 0; i < count; ++i) {
        out += fmt::format("\n  {:>4} ", i);
        for (std::size_t j = 0; j < count; ++j) {
            out += fmt::format("{:>5}", cells[i * count + j]);
        }
    }
    return out + "\n";
}

}  // namespace

std::string topology_text(const Inventory& inventory, const Slices& slices) {
    std::string out = fmt::format("  {}: {} packages, {} cores, {} GPUs, {}\n", inventory.source,
                                  inventory.packages, inventory.cores.size(), inventory.gpus.size(),
                                  people_bytes(inventory.memory));
    for (std::size_t i = 0; i < inventory.numa_nodes.size(); ++i) {
        const NumaNode& numa = inventory.numa_nodes[i];
        const int position = static_cast<int>(i);
        out += fmt::format("  numa {} (package {}): {}, cores {}\n", numa.os_index, numa.package,
                           people_bytes(numa.memory), ranges(cores_of(inventory, position)));
        out += devices_near(inventory, slices, position);
    }
    out += devices_near(inventory, slices, -1);
    if (whole_gpus(inventory) > 1) {
        out += link_matrix(inventory);
    }
    return out;
}

}  // namespace khu::cli
