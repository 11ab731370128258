/// \file
/// What an agent may say of its node. A report is untrusted input: every index, amount and text in
/// it is checked here once, so that the code behind can rely on it.

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "core/base/limits.h"
#include "core/topology/node_class.h"

namespace khu {
namespace {

using Complaint = std::string;  // empty: nothing wrong

Complaint out_of_range(std::string_view what, std::int64_t value, std::int64_t low,
                       std::int64_t high) {
    return value >= low && value <= high
               ? Complaint{}
               : fmt::format("{} is {}, must be {} to {}", what, value, low, high);
}

/// Text from a device may reach logs and terminals.
Complaint bad_text(std::string_view what, std::string_view text, std::int64_t bytes_max) {
    if (static_cast<std::int64_t>(text.size()) > bytes_max) {
        return fmt::format("{} has {} bytes, at most {} are accepted", what, text.size(),
                           bytes_max);
    }
    const bool control =
        std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    return control ? fmt::format("{} has control characters", what) : Complaint{};
}

Complaint first_of(std::initializer_list<Complaint> complaints) {
    for (const Complaint& complaint : complaints) {
        if (!complaint.empty()) {
            return complaint;
        }
    }
    return {};
}

std::int64_t count(const auto& list) {
    return static_cast<std::int64_t>(list.size());
}

std::int64_t whole_gpus(const Inventory& it) {
    return std::ranges::count_if(it.gpus, [](const Gpu& gpu) { return !gpu.is_slice(); });
}

Complaint check_sizes(const Inventory& it) {
    return first_of({
        out_of_range("number of packages", it.packages, 0, limits::packages_per_node_max),
        out_of_range("number of NUMA nodes", count(it.numa_nodes), 1, limits::numa_per_node_max),
        out_of_range("number of cores", count(it.cores), 1, limits::cores_per_node_max),
        out_of_range("number of GPUs", whole_gpus(it), 0, limits::boards_per_node_max),
        out_of_range("number of GPUs and MIG slices", count(it.gpus), 0, limits::gpus_per_node_max),
        out_of_range("number of NICs", count(it.nics), 0, limits::nics_per_node_max),
        bad_text("hostname", it.hostname, 255),
        bad_text("source", it.source, 16),
    });
}

Complaint check_memory(const Inventory& it) {
    std::set<int> seen;
    Bytes sum;
    for (const NumaNode& node : it.numa_nodes) {
        const Complaint wrong = first_of({
            out_of_range("NUMA os_index", node.os_index, 0, limits::os_index_max),
            out_of_range("package of a NUMA node", node.package, -1, it.packages - 1),
            out_of_range("bytes of a NUMA node", node.memory.value, 0,
                         limits::mem_per_node_max.value),
        });
        if (!wrong.empty()) {
            return wrong;
        }
        if (!seen.insert(node.os_index).second) {
            return fmt::format("NUMA os_index {} occurs twice", node.os_index);
        }
        sum += node.memory;
    }
    if (sum != it.memory) {
        return fmt::format("memory is {} bytes, its NUMA nodes have {}", it.memory.value,
                           sum.value);
    }
    return out_of_range("bytes of memory", sum.value, 1, limits::mem_per_node_max.value);
}

Complaint check_core(const Inventory& it, const Core& core, std::set<int>& pus) {
    const Complaint wrong = first_of({
        out_of_range("package of a core", core.package, -1, it.packages - 1),
        out_of_range("NUMA node of a core", core.numa, -1, count(it.numa_nodes) - 1),
        out_of_range("number of a core's PUs", count(core.pus), 1, limits::pus_per_core_max),
    });
    if (!wrong.empty()) {
        return wrong;
    }
    for (const int pu : core.pus) {
        if (pu < 0 || pu > limits::os_index_max) {
            return out_of_range("PU os_index", pu, 0, limits::os_index_max);
        }
        if (!pus.insert(pu).second) {
            return fmt::format("PU {} belongs to two cores", pu);
        }
    }
    return {};
}

Complaint check_cores(const Inventory& it) {
    std::set<int> pus;
    for (const Core& core : it.cores) {
        if (Complaint wrong = check_core(it, core, pus); !wrong.empty()) {
            return wrong;
        }
    }
    return {};
}

Complaint check_device_files(const Gpu& gpu) {
    for (const std::string& path : gpu.devices) {
        if (!path.starts_with("/dev/") || path.find("..") != std::string::npos) {
            return fmt::format("device file {} is not below /dev", path);
        }
        if (Complaint wrong = bad_text("device file", path, 255); !wrong.empty()) {
            return wrong;
        }
    }
    return {};
}

Complaint check_gpu(const Inventory& it, const Gpu& gpu) {
    return first_of({
        gpu.model.empty() ? Complaint{"a GPU has no model"} : Complaint{},
        bad_text("GPU model", gpu.model.value, limits::name_bytes_max),
        bad_text("GPU product", gpu.product, limits::name_bytes_max),
        bad_text("PCI address", gpu.pci, 32),
        bad_text("GPU uuid", gpu.uuid, limits::name_bytes_max),
        bad_text("MIG profile", gpu.profile, 32),
        out_of_range("bytes of a GPU", gpu.memory.value, 0, limits::mem_per_node_max.value),
        out_of_range("NUMA node of a GPU", gpu.numa, -1, count(it.numa_nodes) - 1),
        out_of_range("package of a GPU", gpu.package, -1, it.packages - 1),
        out_of_range("number of a GPU's device files", count(gpu.devices), 0,
                     limits::gpu_devices_max),
        check_device_files(gpu),
    });
}

/// Slices come after the whole GPUs, those of one GPU say its PCI address, and each has a model
/// that no whole GPU has.
Complaint check_slices(const Inventory& it) {
    const auto first = std::ranges::find_if(it.gpus, &Gpu::is_slice);
    std::set<std::string> cut;
    for (auto slice = first; slice != it.gpus.end(); ++slice) {
        if (!slice->is_slice()) {
            return "a MIG slice stands before a whole GPU";
        }
        if (slice->pci.empty()) {
            return "a MIG slice does not say the PCI address of its GPU";
        }
        for (auto whole = it.gpus.begin(); whole != first; ++whole) {
            if (whole->pci == slice->pci) {
                return fmt::format("PCI address {} has two GPUs", slice->pci);
            }
            if (whole->model == slice->model) {
                return fmt::format("model {} is of whole GPUs and of MIG slices",
                                   slice->model.value);
            }
        }
        cut.insert(slice->pci);
    }
    return out_of_range("number of GPUs, whole or cut", whole_gpus(it) + count(cut), 0,
                        limits::boards_per_node_max);
}

Complaint check_gpus(const Inventory& it) {
    std::set<std::string> addresses;
    std::set<std::string> uuids;
    for (const Gpu& gpu : it.gpus) {
        if (Complaint wrong = check_gpu(it, gpu); !wrong.empty()) {
            return wrong;
        }
        if (!gpu.is_slice() && !gpu.pci.empty() && !addresses.insert(gpu.pci).second) {
            return fmt::format("PCI address {} has two GPUs", gpu.pci);
        }
        if (!gpu.uuid.empty() && !uuids.insert(gpu.uuid).second) {
            return fmt::format("GPU uuid {} occurs twice", gpu.uuid);
        }
    }
    return check_slices(it);
}

Complaint check_nics(const Inventory& it) {
    for (const Nic& nic : it.nics) {
        Complaint wrong = first_of({
            bad_text("NIC name", nic.name, limits::name_bytes_max),
            bad_text("NIC kind", nic.kind, 32),
            bad_text("PCI address", nic.pci, 32),
            out_of_range("NUMA node of a NIC", nic.numa, -1, count(it.numa_nodes) - 1),
        });
        if (!wrong.empty()) {
            return wrong;
        }
    }
    return {};
}

Complaint check_links(const Inventory& it) {
    constexpr std::int64_t bandwidth_max =
        1'000'000'000;  // MB/s; a thousand times the fastest link
    const std::int64_t gpus = whole_gpus(it);
    const std::int64_t pairs = gpus * (gpus - 1) / 2;
    if (count(it.links) != pairs) {
        return fmt::format("{} GPUs have {} links, every pair needs one: {}", gpus, it.links.size(),
                           pairs);
    }
    std::set<std::pair<int, int>> seen;
    for (const GpuLink& link : it.links) {
        if (link.from < 0 || link.from >= link.to || link.to >= gpus) {
            return fmt::format("link {}-{} is not between two of {} GPUs", link.from, link.to,
                               gpus);
        }
        if (!seen.emplace(link.from, link.to).second) {
            return fmt::format("link {}-{} occurs twice", link.from, link.to);
        }
        Complaint wrong =
            out_of_range("MB/s of a link", link.megabytes_per_second, 0, bandwidth_max);
        const auto kind = static_cast<int>(link.kind);
        if (wrong.empty()) {
            wrong = out_of_range("kind of a link", kind, 0, static_cast<int>(LinkKind::SystemBus));
        }
        if (!wrong.empty()) {
            return wrong;
        }
    }
    return {};
}

}  // namespace

Expected<Done, Refusal> check_inventory(const NodeName& node, const Inventory& inventory) {
    using Check = Complaint (*)(const Inventory&);
    for (const Check check : {Check{check_sizes}, Check{check_memory}, Check{check_cores},
                              Check{check_gpus}, Check{check_nics}, Check{check_links}}) {
        if (const Complaint wrong = check(inventory); !wrong.empty()) {
            return Unexpected{
                Refusal(Code::BadInventory).with("node", node.value).with("what", wrong)};
        }
    }
    return Done{};
}

}  // namespace khu
