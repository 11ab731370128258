#pragma once

/// \file
/// What placement needs to know of a node's hardware, worked out once for each distinct inventory:
/// 1,000 equal nodes share one NodeClass. It holds for every subset of the node's GPUs how well the
/// subset is connected, so that choosing GPUs is a look-up. That is of whole GPUs; MIG slices have
/// no links to one another, and of one GPU and model one is as good as another, so that of them it
/// is enough to know which GPU they are cut from.
///
/// A *domain* is a NUMA node (same position as in Inventory::numa_nodes); one more domain at the
/// end holds the cores that have no memory near, if there are any.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/expected.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/topology/core_set.h"
#include "core/topology/inventory.h"

namespace khu {

/// A set of GPU positions of one node: bit i is Inventory::gpus[i], a whole GPU or a MIG slice.
using GpuMask = std::uint64_t;

struct GpuTraits {
    GpuModel model;
    int domain{-1};  ///< -1 if no NUMA node is near
    int package{-1};
    std::vector<int> distances;  ///< to each domain: 0 its own, 1 same package, 2 elsewhere
};

/// The GPUs of one model.
struct GpuKind {
    GpuModel model;
    GpuMask gpus{0};
    int parts{0};  ///< of the whole node, so that each of them has one and all find theirs
};

struct Domain {
    int package{-1};
    Bytes memory;
    CoreSet cores;
    int core_count{0};
    GpuMask gpus{0};             ///< those whose nearest domain this is
    std::vector<int> distances;  ///< to each domain, as above
};

class NodeClass {
public:
    /// Claims: the inventory has been checked by make_node_class.
    explicit NodeClass(const Inventory& inventory);

    [[nodiscard]] const std::vector<GpuTraits>& gpus() const { return gpus_; }
    [[nodiscard]] const std::vector<Domain>& domains() const { return domains_; }
    [[nodiscard]] int gpu_count() const { return static_cast<int>(gpus_.size()); }
    [[nodiscard]] int core_count() const { return core_count_; }
    [[nodiscard]] int domain_of_core(int core) const { return core_domains_.at(core); }
    [[nodiscard]] Bytes memory() const { return memory_; }
    [[nodiscard]] GpuMask all_gpus() const { return whole_ | slices_; }
    [[nodiscard]] GpuMask whole_gpus() const { return whole_; }
    [[nodiscard]] GpuMask slices() const { return slices_; }
    /// By model, in the order of their first position.
    [[nodiscard]] const std::vector<GpuKind>& kinds() const { return kinds_; }
    /// The GPUs or slices of that model; all whole GPUs if it is empty.
    [[nodiscard]] GpuMask gpus_of(const GpuModel& model) const;
    /// GpuKind::parts of that model; of whole GPUs if it is empty; 0 if the node has none of it.
    [[nodiscard]] int parts_of(const GpuModel& model) const;
    /// Of each GPU that is cut, its slices.
    [[nodiscard]] const std::vector<GpuMask>& cut_gpus() const { return cut_; }

    /// How badly the whole GPUs of a set are connected, 0 is best: its worst link, then the sum
    /// over its pairs, then over how many NUMA nodes and packages it spreads. Only to be compared.
    [[nodiscard]] std::uint64_t set_cost(GpuMask set) const { return set_costs_[set & whole_]; }
    /// The same of a set of slices: from how many GPUs more than one they are, then the places.
    [[nodiscard]] std::uint64_t slice_cost(GpuMask set) const;
    /// Every set of that many whole GPUs, best connected first; among equals the lowest positions.
    [[nodiscard]] const std::vector<GpuMask>& sets_of(int size) const;
    /// The worst link among a set; NvLink for fewer than two GPUs. Slices reach one another only
    /// through the processors' memory, also those of one GPU.
    [[nodiscard]] LinkKind worst_link(GpuMask set) const;
    /// 0 for a link made for GPUs, 1 PCIe switch, 2 NUMA, 3 package, 4 across.
    [[nodiscard]] int link_tier(GpuMask set) const;

private:
    void read_domains(const Inventory& inventory);
    void read_gpus(const Inventory& inventory);
    void read_kinds(const Inventory& inventory);
    void read_links(const Inventory& inventory);
    void price_sets();
    void order_sets();
    [[nodiscard]] GpuMask beside(int gpu, bool package) const;
    [[nodiscard]] LinkKind link_between(int from, int to) const;

    std::vector<GpuTraits> gpus_;
    std::vector<GpuKind> kinds_;
    GpuMask whole_{0};
    GpuMask slices_{0};
    std::vector<GpuMask> cut_;
    std::vector<Domain> domains_;
    int core_count_{0};
    std::vector<int> core_domains_;
    Bytes memory_;
    std::vector<std::vector<LinkKind>> links_;
    std::vector<std::vector<int>> link_costs_;
    std::vector<std::uint64_t> set_costs_;
    std::vector<std::vector<GpuMask>> sets_;
};

/// Errors: BadInventory (D502), naming `node` and what is wrong. An agent's report is untrusted
/// input.
Expected<Done, Refusal> check_inventory(const NodeName& node, const Inventory& inventory);
Expected<NodeClass, Refusal> make_node_class(const NodeName& node, const Inventory& inventory);

/// The classes of a zone: equal hardware gets the same object.
class ClassBook {
public:
    /// Errors: BadInventory.
    Expected<std::shared_ptr<const NodeClass>, Refusal> intern(const NodeName& node,
                                                               const Inventory& inventory);
    [[nodiscard]] std::size_t size() const { return known_.size(); }

private:
    std::vector<std::pair<Inventory, std::shared_ptr<const NodeClass>>> known_;
};

}  // namespace khu
