#include "agent/probe/hwloc_probe.h"

#include <hwloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "agent/probe/gpu_probe.h"
#include "agent/probe/topology_file.h"
#include "core/topology/gpu_model.h"
#include "core/topology/mig.h"
#include "core/topology/node_class.h"

namespace khu::agent {
namespace {

struct Destroy {
    void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using Topology = std::unique_ptr<hwloc_topology, Destroy>;
using Object = hwloc_obj_t;
using PciFacts = hwloc_obj_attr_u::hwloc_pcidev_attr_s;

struct FreeBitmap {
    void operator()(hwloc_bitmap_s* bitmap) const { hwloc_bitmap_free(bitmap); }
};
using Bitmap = std::unique_ptr<hwloc_bitmap_s, FreeBitmap>;

std::string_view info(Object object, const char* name) {
    const char* value = hwloc_obj_get_info_by_name(object, name);
    return value == nullptr ? std::string_view{} : std::string_view(value);
}

std::vector<Object> objects_of(hwloc_topology_t topology, hwloc_obj_type_t type) {
    std::vector<Object> objects;
    for (Object next = hwloc_get_next_obj_by_type(topology, type, nullptr); next != nullptr;
         next = hwloc_get_next_obj_by_type(topology, type, next)) {
        objects.push_back(next);
    }
    return objects;
}

/// The PCI device that an OS device belongs to; itself for a PCI device; null for software devices.
Object pci_of(Object object) {
    while (object != nullptr && object->type != HWLOC_OBJ_PCI_DEVICE) {
        object = object->parent;
    }
    return object;
}

std::string address_of(Object pci) {
    const PciFacts& at = pci->attr->pcidev;
    return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", static_cast<unsigned>(at.domain), at.bus,
                       at.dev, at.func);
}

// --- What is an accelerator ----------------------------------------------------------------------

constexpr unsigned kNvidia = 0x10de;
constexpr unsigned kAmd = 0x1002;
constexpr unsigned kMatrox = 0x102b;
constexpr unsigned kAspeed = 0x1a03;
constexpr unsigned kEs1000 = 0x515e;  // AMD's chip for server consoles

/// A chip that drives the board's console, whatever OS devices it has.
bool is_display_chip(const PciFacts& pci) {
    return pci.vendor_id == kMatrox || pci.vendor_id == kAspeed ||
           (pci.vendor_id == kAmd && pci.device_id == kEs1000);
}

/// A device of a compute interface: CUDA, OpenCL, Level Zero, NVML, RSMI. Not a DRM card.
bool is_compute_device(Object device) {
    const hwloc_obj_osdev_type_t type = device->attr->osdev.type;
    const std::string_view name = device->name == nullptr ? "" : device->name;
    return type == HWLOC_OBJ_OSDEV_COPROC ||
           (type == HWLOC_OBJ_OSDEV_GPU && (name.starts_with("nvml") || name.starts_with("rsmi")));
}

/// By its PCI class alone, where no compute interface was there to ask.
bool is_compute_class(const PciFacts& pci) {
    constexpr unsigned vga = 0x0300;
    constexpr unsigned three_d = 0x0302;
    constexpr unsigned other_display = 0x0380;
    constexpr unsigned accelerator = 0x1200;
    if (pci.vendor_id == kNvidia) {
        return pci.class_id == vga || pci.class_id == three_d;
    }
    return pci.vendor_id == kAmd && (pci.class_id == other_display || pci.class_id == accelerator);
}

/// One accelerator while it is read: its PCI device and what its OS devices say.
struct Accelerator {
    Object pci{};
    std::vector<Object> devices;

    [[nodiscard]] std::string_view said(const char* name) const {
        for (const Object device : devices) {
            if (const std::string_view value = info(device, name); !value.empty()) {
                return value;
            }
        }
        return {};
    }
    /// The number in the name of its best known device: nvml3, rsmi3, cuda3; a large one if none.
    [[nodiscard]] int number() const {
        for (const std::string_view kind : {"nvml", "rsmi", "cuda", "ze", "opencl0d"}) {
            for (const Object device : devices) {
                const std::string_view name = device->name == nullptr ? "" : device->name;
                if (name.starts_with(kind)) {
                    return std::atoi(std::string(name.substr(kind.size())).c_str());
                }
            }
        }
        return 1 << 20;
    }
    /// NVIDIA's first, then AMD's, each in its driver's order: the order jobs see devices in.
    [[nodiscard]] auto order() const {
        const unsigned vendor = pci->attr->pcidev.vendor_id;
        return std::tuple(vendor != kNvidia, vendor, number(), address_of(pci));
    }
};

/// The family's name in hwloc hides which of its models it is; the device id says.
std::string product_of(const Accelerator& accelerator) {
    const PciFacts& pci = accelerator.pci->attr->pcidev;
    constexpr unsigned mi250x = 0x7408;
    if (pci.vendor_id == kAmd && pci.device_id == mi250x) {
        return "AMD Instinct MI250X";
    }
    const std::string_view said = accelerator.said("GPUModel");
    return std::string(said.empty() ? info(accelerator.pci, "PCIDevice") : said);
}

/// A number that identifies; some drivers say only zeros.
std::string uuid_of(const Accelerator& accelerator) {
    for (const char* name : {"NVIDIAUUID", "AMDUUID", "LevelZeroUUID"}) {
        const std::string_view said = accelerator.said(name);
        if (said.find_first_not_of("0-") != std::string_view::npos) {
            return std::string(said);
        }
    }
    return {};
}

Bytes memory_of(const Accelerator& accelerator) {
    const std::string kib(accelerator.said("CUDAGlobalMemorySize"));
    if (kib.empty() || kib.size() > 12) {
        return Bytes{0};
    }
    return Bytes{std::max(0LL, std::atoll(kib.c_str())) * 1024};
}

/// An info attribute of a GPU in a topology file: the slices that it is to be presented as.
constexpr const char* kMigInfo = "KhuMig";

// --- Reading ----------------------------------------------------------------------

class Reader {
public:
    explicit Reader(hwloc_topology_t topology) : topology_(topology) {}

    Inventory read() {
        read_memory();
        read_cores();
        read_gpus();
        read_nics();
        read_links();
        return std::move(inventory_);
    }

    /// Of each GPU that the file presents as slices, by its PCI address, their profiles.
    [[nodiscard]] std::map<std::string, std::string> presented() const {
        std::map<std::string, std::string> found;
        for (const Accelerator& accelerator : accelerators_) {
            const std::string_view own = info(accelerator.pci, kMigInfo);
            const std::string_view said = own.empty() ? accelerator.said(kMigInfo) : own;
            if (!said.empty()) {
                found.emplace(address_of(accelerator.pci), said);
            }
        }
        return found;
    }

private:
    void read_memory() {
        packages_ = objects_of(topology_, HWLOC_OBJ_PACKAGE);
        inventory_.packages = static_cast<int>(packages_.size());
        numas_ = objects_of(topology_, HWLOC_OBJ_NUMANODE);
        for (const Object numa : numas_) {
            const Bytes bytes{static_cast<std::int64_t>(numa->attr->numanode.local_memory)};
            inventory_.numa_nodes.push_back({.os_index = static_cast<int>(numa->os_index),
                                             .package = package_near(numa),
                                             .memory = bytes});
            inventory_.memory += bytes;
        }
    }

    /// A machine whose kernel tells of no cores has its hardware threads counted as such.
    void read_cores() {
        std::vector<Object> cores = objects_of(topology_, HWLOC_OBJ_CORE);
        if (cores.empty()) {
            cores = objects_of(topology_, HWLOC_OBJ_PU);
        }
        const Bitmap usable(hwloc_bitmap_alloc());
        for (const Object core : cores) {
            hwloc_bitmap_and(usable.get(), core->cpuset,
                             hwloc_topology_get_allowed_cpuset(topology_));
            Core read{.package = package_near(core), .numa = numa_near(core), .pus = {}};
            for (int pu = hwloc_bitmap_first(usable.get()); pu >= 0;
                 pu = hwloc_bitmap_next(usable.get(), pu)) {
                read.pus.push_back(pu);
            }
            if (!read.pus.empty()) {
                inventory_.cores.push_back(std::move(read));
            }
        }
    }

    void read_gpus() {
        std::map<Object, Accelerator> found;
        for (Object device = nullptr;
             (device = hwloc_get_next_osdev(topology_, device)) != nullptr;) {
            const Object pci = pci_of(device);
            if (pci != nullptr && !is_display_chip(pci->attr->pcidev) &&
                is_compute_device(device)) {
                found[pci].devices.push_back(device);
            }
        }
        for (Object pci = nullptr; (pci = hwloc_get_next_pcidev(topology_, pci)) != nullptr;) {
            if (!is_display_chip(pci->attr->pcidev) && is_compute_class(pci->attr->pcidev)) {
                found[pci];
            }
        }
        for (auto& [pci, accelerator] : found) {
            accelerator.pci = pci;
            accelerators_.push_back(std::move(accelerator));
        }
        std::ranges::sort(accelerators_, {}, &Accelerator::order);
        for (const Accelerator& accelerator : accelerators_) {
            Gpu gpu;
            gpu.product = product_of(accelerator);
            gpu.pci = address_of(accelerator.pci);
            gpu.uuid = uuid_of(accelerator);
            gpu.memory = memory_of(accelerator);
            gpu.model = normalise_gpu_model(gpu.product, gpu.memory);
            gpu.numa = numa_near(accelerator.pci);
            gpu.package = package_near(accelerator.pci);
            inventory_.gpus.push_back(std::move(gpu));
        }
    }

    /// One entry for each PCI device; the name that RDMA programs use, if it has one.
    void read_nics() {
        std::map<std::string, Nic> found;
        for (Object device = nullptr;
             (device = hwloc_get_next_osdev(topology_, device)) != nullptr;) {
            const hwloc_obj_osdev_type_t type = device->attr->osdev.type;
            const Object pci = pci_of(device);
            const bool rdma = type == HWLOC_OBJ_OSDEV_OPENFABRICS;
            if (pci == nullptr || device->name == nullptr ||
                (!rdma && type != HWLOC_OBJ_OSDEV_NETWORK)) {
                continue;
            }
            Nic& nic = found[address_of(pci)];
            const std::string kind = kind_of_nic(pci, device->name);
            if (nic.kind.empty() || kind != "ethernet") {
                nic.kind = kind;
            }
            if (nic.name.empty() || rdma) {
                nic.name = device->name;
            }
            nic.pci = address_of(pci);
            nic.numa = numa_near(pci);
        }
        for (auto& [address, nic] : found) {
            inventory_.nics.push_back(std::move(nic));
        }
        std::ranges::sort(inventory_.nics, {}, [](const Nic& nic) {
            return std::tuple(nic.kind, nic.name.size(), nic.name);
        });
    }

    static std::string kind_of_nic(Object pci, std::string_view name) {
        constexpr unsigned infiniband = 0x0207;
        constexpr unsigned infiniband_before_2007 = 0x0c06;
        const unsigned class_id = pci->attr->pcidev.class_id;
        if (name.starts_with("hfi") || name.starts_with("opa")) {
            return "omni-path";
        }
        const bool is_infiniband =
            class_id == infiniband || class_id == infiniband_before_2007 || name.starts_with("ib");
        return is_infiniband ? "infiniband" : "ethernet";
    }

    void read_links() {
        const int count = static_cast<int>(accelerators_.size());
        for (int to = 0; to < count; ++to) {
            for (int from = 0; from < to; ++from) {
                inventory_.links.push_back({.from = from,
                                            .to = to,
                                            .kind = path_between(from, to),
                                            .megabytes_per_second = 0});
            }
        }
        read_matrix("XGMIBandwidth", LinkKind::Xgmi);
        read_matrix("NVLinkBandwidth", LinkKind::NvLink);
    }

    /// The way over PCIe and the processors.
    [[nodiscard]] LinkKind path_between(int from, int to) const {
        std::vector<Object> above;
        for (Object at = accelerators_[from].pci; at != nullptr; at = at->parent) {
            above.push_back(at);
        }
        Object common = accelerators_[to].pci;
        while (std::ranges::find(above, common) == above.end()) {
            common = common->parent;
        }
        const bool through_switch = common->type == HWLOC_OBJ_BRIDGE &&
                                    common->attr->bridge.upstream_type == HWLOC_OBJ_BRIDGE_PCI;
        if (through_switch) {
            return LinkKind::PcieSwitch;
        }
        const Gpu& a = inventory_.gpus[from];
        const Gpu& b = inventory_.gpus[to];
        if (a.numa >= 0 && a.numa == b.numa) {
            return LinkKind::SameNuma;
        }
        return a.package >= 0 && a.package == b.package ? LinkKind::SamePackage
                                                        : LinkKind::SystemBus;
    }

    /// Links made for GPUs. Where the matrix has NVSwitches in it, GPU to GPU is 0 until their
    /// ports are merged and passed through; where it has none, passing through would lose what it
    /// says.
    void read_matrix(const char* name, LinkKind kind) {
        unsigned count = 1;
        hwloc_distances_s* matrix = nullptr;
        if (hwloc_distances_get_by_name(topology_, name, &count, &matrix, 0) != 0 || count == 0) {
            return;
        }
        const bool switches =
            kind == LinkKind::NvLink &&
            hwloc_distances_transform(
                topology_, matrix, HWLOC_DISTANCES_TRANSFORM_MERGE_SWITCH_PORTS, nullptr, 0) == 0;
        if (switches) {
            hwloc_distances_transform(topology_, matrix,
                                      HWLOC_DISTANCES_TRANSFORM_TRANSITIVE_CLOSURE, nullptr, 0);
        }
        const LinkKind found = switches ? LinkKind::NvSwitch : kind;
        for (unsigned i = 0; i < matrix->nbobjs; ++i) {
            for (unsigned j = 0; j < matrix->nbobjs; ++j) {
                const hwloc_uint64_t value = matrix->values[i * matrix->nbobjs + j];
                set_link(gpu_at(matrix->objs[i]), gpu_at(matrix->objs[j]), found, value);
            }
        }
        hwloc_distances_release(topology_, matrix);
    }

    void set_link(int from, int to, LinkKind kind, hwloc_uint64_t megabytes_per_second) {
        constexpr hwloc_uint64_t plausible = 1'000'000'000;
        if (from < 0 || to <= from || megabytes_per_second == 0 ||
            megabytes_per_second > plausible) {
            return;
        }
        for (GpuLink& link : inventory_.links) {
            if (link.from == from && link.to == to) {
                link.kind = kind;
                link.megabytes_per_second = static_cast<std::int64_t>(megabytes_per_second);
            }
        }
    }

    /// Position of the GPU that an object of a matrix belongs to; -1 for a switch.
    [[nodiscard]] int gpu_at(Object object) const {
        const Object pci = object == nullptr ? nullptr : pci_of(object);
        for (std::size_t i = 0; i < accelerators_.size(); ++i) {
            if (accelerators_[i].pci == pci) {
                return static_cast<int>(i);
            }
        }
        return -1;
    }

    /// The nearest ancestor that has CPUs: a Group, an L3, a Package or the Machine.
    static Object with_cpus(Object object) {
        while (object->cpuset == nullptr) {
            object = object->parent;
        }
        return object;
    }

    /// The smallest memory that the object's place belongs to; of several the lowest number,
    /// because ordinary memory is numbered before the fast kind.
    [[nodiscard]] int numa_near(Object object) const {
        const Object place = with_cpus(object);
        int best = -1;
        int best_weight = 0;
        for (std::size_t i = 0; i < numas_.size(); ++i) {
            const int weight = hwloc_bitmap_weight(numas_[i]->cpuset);
            if (weight > 0 && hwloc_bitmap_isincluded(place->cpuset, numas_[i]->cpuset) != 0 &&
                (best < 0 || weight < best_weight)) {
                best = static_cast<int>(i);
                best_weight = weight;
            }
        }
        return best;
    }

    [[nodiscard]] int package_near(Object object) const {
        const Object place = with_cpus(object);
        for (std::size_t i = 0; i < packages_.size(); ++i) {
            if (hwloc_bitmap_iszero(place->cpuset) == 0 &&
                hwloc_bitmap_isincluded(place->cpuset, packages_[i]->cpuset) != 0) {
                return static_cast<int>(i);
            }
        }
        const Object above = hwloc_get_ancestor_obj_by_type(topology_, HWLOC_OBJ_PACKAGE, object);
        const auto found = std::ranges::find(packages_, above);
        return found == packages_.end() ? -1 : static_cast<int>(found - packages_.begin());
    }

    hwloc_topology_t topology_;
    Inventory inventory_;
    std::vector<Object> packages_;
    std::vector<Object> numas_;
    std::vector<Accelerator> accelerators_;
};

Topology new_topology() {
    hwloc_topology_t topology = nullptr;
    if (hwloc_topology_init(&topology) != 0) {
        return nullptr;
    }
    hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
    return Topology(topology);
}

std::string own_hostname() {
    std::array<char, 256> name{};
    return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : "";
}

Expected<Inventory, Refusal> checked(Inventory inventory) {
    const Expected<Done, Refusal> sound = check_inventory(NodeName{inventory.hostname}, inventory);
    if (!sound) {
        return Unexpected{sound.error()};
    }
    return inventory;
}

/// What the file says of slices, by PCI address.
Expected<Done, Refusal> cut_presented(Inventory& inventory,
                                      const std::map<std::string, std::string>& presented,
                                      const std::string& path) {
    std::vector<CutGpu> cut;
    for (const auto& [pci, profiles] : presented) {
        Expected<std::vector<MigSlice>, std::string> slices = presented_slices(pci, profiles);
        if (!slices) {
            return Unexpected{
                damaged_topology(path, fmt::format("{} of GPU {}: '{}' is no MIG profile", kMigInfo,
                                                   pci, slices.error()))};
        }
        cut.push_back({.pci = pci, .slices = *std::move(slices)});
    }
    cut_gpus(inventory, cut);
    return Done{};
}

/// What the drivers say goes before what hwloc could guess. A GPU without a driver cannot be used.
void add_driver_facts(Inventory& inventory, const std::vector<GpuFacts>& facts) {
    const auto facts_of = [&](const Gpu& gpu) {
        return std::ranges::find(facts, gpu.pci, &GpuFacts::pci);
    };
    keep_gpus(inventory, [&](const Gpu& gpu) {
        const auto known = facts_of(gpu);
        return known != facts.end() && !known->devices.empty();
    });
    for (Gpu& gpu : inventory.gpus) {
        const auto known = facts_of(gpu);
        gpu.product = known->product.empty() ? gpu.product : known->product;
        gpu.uuid = known->uuid.empty() ? gpu.uuid : known->uuid;
        gpu.memory = known->memory == Bytes{0} ? gpu.memory : known->memory;
        gpu.model = normalise_gpu_model(gpu.product, gpu.memory);
        gpu.devices = known->devices;
    }
}

}  // namespace

Expected<Probed, Refusal> probe_machine(const MigQuestion& mig) {
    const Topology topology = new_topology();
    if (topology == nullptr || hwloc_topology_load(topology.get()) != 0) {
        return Unexpected{Refusal(Code::ProbeFailed).with("why", std::strerror(errno))};
    }
    Inventory inventory = Reader(topology.get()).read();
    inventory.hostname = own_hostname();
    inventory.source = "probe";
    const std::vector<GpuFacts> facts = probe_gpus(mig.root);
    add_driver_facts(inventory, facts);
    MigAnswer slices = probe_mig(facts, mig);
    cut_gpus(inventory, slices.cut);
    Expected<Inventory, Refusal> sound = checked(std::move(inventory));
    if (!sound) {
        return Unexpected{sound.error()};
    }
    return Probed{.inventory = *std::move(sound), .notes = std::move(slices.notes)};
}

Expected<Inventory, Refusal> probe_file(const std::string& path) {
    const Expected<std::string, Refusal> text = read_topology_file(path);
    if (!text) {
        return Unexpected{text.error()};
    }
    setenv("HWLOC_LIBXML_IMPORT", "0", 1);  // The built-in parser: no entities, no network.
    const Topology topology = new_topology();
    const bool taken = topology != nullptr &&
                       hwloc_topology_set_xmlbuffer(topology.get(), text->c_str(),
                                                    static_cast<int>(text->size()) + 1) == 0;
    if (!taken || hwloc_topology_load(topology.get()) != 0) {
        return Unexpected{damaged_topology(path, "hwloc cannot parse it")};
    }
    Reader reader(topology.get());
    Inventory inventory = reader.read();
    if (Expected<Done, Refusal> cut = cut_presented(inventory, reader.presented(), path); !cut) {
        return Unexpected{cut.error()};
    }
    inventory.hostname = info(hwloc_get_root_obj(topology.get()), "HostName");
    inventory.source = "file";
    return checked(std::move(inventory));
}

}  // namespace khu::agent
