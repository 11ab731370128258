#include "core/topology/node_class.h"

#include <algorithm>
#include <bit>
#include <map>

namespace khu {
namespace {

int tier_of(LinkKind kind) {
    switch (kind) {
        case LinkKind::NvLink:
        case LinkKind::NvSwitch:
        case LinkKind::Xgmi:
            return 0;
        case LinkKind::PcieSwitch:
            return 1;
        case LinkKind::SameNuma:
            return 2;
        case LinkKind::SamePackage:
            return 3;
        case LinkKind::SystemBus:
            return 4;
    }
    KHU_CHECK(false, "link kind {}", static_cast<int>(kind));
}

/// 1000 for each tier; among links made for GPUs, up to 999 more the slower the link is.
int cost_of(const GpuLink& link, std::int64_t fastest) {
    const int tier = tier_of(link.kind);
    if (tier > 0 || fastest == 0) {
        return tier * 1000;
    }
    return static_cast<int>(999 - 999 * link.megabytes_per_second / fastest);
}

int distance(bool same_domain, int package, int other_package) {
    if (same_domain) {
        return 0;
    }
    return package >= 0 && package == other_package ? 1 : 2;
}

/// What makes two nodes' hardware the same for placement: names and addresses left out.
Inventory hardware_of(const Inventory& inventory) {
    Inventory bare = inventory;
    bare.hostname.clear();
    bare.source.clear();
    bare.nics.clear();
    for (NumaNode& numa : bare.numa_nodes) {
        numa.os_index = 0;
    }
    for (Core& core : bare.cores) {
        core.pus.clear();
    }
    std::map<std::string, std::string> cut;  // Only which slices are of one GPU stays.
    for (Gpu& gpu : bare.gpus) {
        gpu.product.clear();
        gpu.pci = gpu.is_slice() ? cut.emplace(gpu.pci, std::to_string(cut.size())).first->second
                                 : std::string();
        gpu.uuid.clear();
        gpu.memory = Bytes{0};
        gpu.devices.clear();
    }
    return bare;
}

}  // namespace

NodeClass::NodeClass(const Inventory& inventory) : memory_(inventory.memory) {
    read_domains(inventory);
    read_gpus(inventory);
    read_kinds(inventory);
    read_links(inventory);
    price_sets();
    order_sets();
}

void NodeClass::read_domains(const Inventory& inventory) {
    core_count_ = static_cast<int>(inventory.cores.size());
    for (const NumaNode& numa : inventory.numa_nodes) {
        Domain& domain = domains_.emplace_back();
        domain.package = numa.package;
        domain.memory = numa.memory;
    }
    const bool homeless =
        std::ranges::any_of(inventory.cores, [](const Core& c) { return c.numa < 0; });
    if (homeless) {
        domains_.emplace_back();
    }
    for (Domain& domain : domains_) {
        domain.cores = CoreSet(core_count_);
    }
    for (int i = 0; i < core_count_; ++i) {
        const int numa = inventory.cores[i].numa;
        core_domains_.push_back(numa < 0 ? static_cast<int>(domains_.size()) - 1 : numa);
        Domain& home = domains_[core_domains_.back()];
        home.cores.add(i);
        ++home.core_count;
        if (home.package < 0) {
            home.package = inventory.cores[i].package;
        }
    }
    for (std::size_t a = 0; a < domains_.size(); ++a) {
        for (std::size_t b = 0; b < domains_.size(); ++b) {
            domains_[a].distances.push_back(
                distance(a == b, domains_[a].package, domains_[b].package));
        }
    }
}

void NodeClass::read_gpus(const Inventory& inventory) {
    for (const Gpu& gpu : inventory.gpus) {
        GpuTraits traits;
        traits.model = gpu.model;
        traits.domain = gpu.numa;
        traits.package = gpu.package;
        for (int d = 0; d < static_cast<int>(domains_.size()); ++d) {
            traits.distances.push_back(distance(gpu.numa == d, gpu.package, domains_[d].package));
        }
        if (gpu.numa >= 0) {
            domains_[gpu.numa].gpus |= GpuMask{1} << gpus_.size();
        }
        gpus_.push_back(std::move(traits));
    }
}

/// A whole GPU has one part of as many as there are GPUs; a GPU that is cut divides its own.
void NodeClass::read_kinds(const Inventory& inventory) {
    std::map<std::string, GpuMask> cut;
    for (std::size_t i = 0; i < gpus_.size(); ++i) {
        const GpuMask bit = GpuMask{1} << i;
        auto kind = std::ranges::find(kinds_, gpus_[i].model, &GpuKind::model);
        if (kind == kinds_.end()) {
            kind = kinds_.insert(kind, {.model = gpus_[i].model});
        }
        kind->gpus |= bit;
        if (inventory.gpus[i].is_slice()) {
            slices_ |= bit;
            cut[inventory.gpus[i].pci] |= bit;
        } else {
            whole_ |= bit;
        }
    }
    for (const auto& [pci, slices] : cut) {
        cut_.push_back(slices);
    }
    std::ranges::sort(cut_, {}, [](GpuMask slices) { return std::countr_zero(slices); });
    const int boards = std::popcount(whole_) + static_cast<int>(cut_.size());
    for (GpuKind& kind : kinds_) {
        kind.parts = boards;
        for (const GpuMask slices : cut_) {
            if ((slices & kind.gpus) != 0) {
                kind.parts = std::max(kind.parts, boards * std::popcount(slices));
            }
        }
    }
}

void NodeClass::read_links(const Inventory& inventory) {
    const auto n = static_cast<std::size_t>(std::popcount(whole_));
    links_.assign(n, std::vector<LinkKind>(n, LinkKind::NvLink));
    link_costs_.assign(n, std::vector<int>(n, 0));
    std::int64_t fastest = 0;
    for (const GpuLink& link : inventory.links) {
        if (tier_of(link.kind) == 0) {
            fastest = std::max(fastest, link.megabytes_per_second);
        }
    }
    for (const GpuLink& link : inventory.links) {
        links_[link.from][link.to] = links_[link.to][link.from] = link.kind;
        link_costs_[link.from][link.to] = link_costs_[link.to][link.from] = cost_of(link, fastest);
    }
}

GpuMask NodeClass::gpus_of(const GpuModel& model) const {
    if (model.empty()) {
        return whole_;
    }
    const auto kind = std::ranges::find(kinds_, model, &GpuKind::model);
    return kind == kinds_.end() ? 0 : kind->gpus;
}

int NodeClass::parts_of(const GpuModel& model) const {
    if (model.empty()) {
        return std::popcount(whole_) + (whole_ == 0 ? 0 : static_cast<int>(cut_.size()));
    }
    const auto kind = std::ranges::find(kinds_, model, &GpuKind::model);
    return kind == kinds_.end() ? 0 : kind->parts;
}

std::uint64_t NodeClass::slice_cost(GpuMask set) const {
    std::uint64_t boards = 0;
    std::uint64_t numas = 0;
    std::uint64_t packages = 0;
    GpuMask seen = 0;
    for (const GpuMask slices : cut_) {
        if ((slices & set) != 0) {
            const int first = std::countr_zero(slices);
            ++boards;
            numas += (seen & beside(first, false)) == 0 ? 1 : 0;
            packages += (seen & beside(first, true)) == 0 ? 1 : 0;
            seen |= slices;
        }
    }
    return boards == 0 ? 0 : (boards - 1) << 16 | numas << 8 | packages;
}

const std::vector<GpuMask>& NodeClass::sets_of(int size) const {
    KHU_CHECK(size >= 0 && size <= std::popcount(whole_), "{} of {}", size, std::popcount(whole_));
    return sets_[size];
}

LinkKind NodeClass::worst_link(GpuMask set) const {
    LinkKind worst = LinkKind::NvLink;
    for (GpuMask a = set; a != 0; a &= a - 1) {
        const int from = std::countr_zero(a);
        for (GpuMask b = a & (a - 1); b != 0; b &= b - 1) {
            worst = std::max(worst, link_between(from, std::countr_zero(b)));
        }
    }
    return worst;
}

LinkKind NodeClass::link_between(int from, int to) const {
    const auto whole = static_cast<int>(links_.size());
    if (from < whole && to < whole) {
        return links_[from][to];
    }
    if (gpus_[from].domain >= 0 && gpus_[from].domain == gpus_[to].domain) {
        return LinkKind::SameNuma;
    }
    const bool near = gpus_[from].package >= 0 && gpus_[from].package == gpus_[to].package;
    return near ? LinkKind::SamePackage : LinkKind::SystemBus;
}

int NodeClass::link_tier(GpuMask set) const {
    return tier_of(worst_link(set));
}

/// The four parts of a set's cost, the most important in the highest bits: worst tier, sum over
/// pairs (at most 120 x 4000, 32 bits), NUMA nodes (8), packages (8). A set is its lowest GPU and
/// the rest, whose parts are known already.
void NodeClass::price_sets() {
    const GpuMask end = GpuMask{1} << std::popcount(whole_);
    set_costs_.assign(end, 0);
    for (GpuMask set = 1; set < end; ++set) {
        const int first = std::countr_zero(set);
        const GpuMask others = set & (set - 1);
        const std::uint64_t before = set_costs_[others];
        std::uint64_t tier = before >> 48;
        std::uint64_t pairs = before >> 16 & 0xffff'ffff;
        for (GpuMask rest = others; rest != 0; rest &= rest - 1) {
            const int other = std::countr_zero(rest);
            tier = std::max(tier, static_cast<std::uint64_t>(tier_of(links_[first][other])));
            pairs += static_cast<std::uint64_t>(link_costs_[first][other]);
        }
        const std::uint64_t numas = (before >> 8 & 0xff) + ((others & beside(first, false)) == 0);
        const std::uint64_t packages = (before & 0xff) + ((others & beside(first, true)) == 0);
        set_costs_[set] = tier << 48 | pairs << 16 | numas << 8 | packages;
    }
}

/// The GPUs of the same NUMA node, or of the same package.
GpuMask NodeClass::beside(int gpu, bool package) const {
    GpuMask set = 0;
    for (std::size_t i = 0; i < gpus_.size(); ++i) {
        const bool same =
            package ? gpus_[i].package == gpus_[gpu].package : gpus_[i].domain == gpus_[gpu].domain;
        set |= same ? GpuMask{1} << i : 0;
    }
    return set;
}

void NodeClass::order_sets() {
    sets_.resize(static_cast<std::size_t>(std::popcount(whole_)) + 1);
    for (GpuMask set = 0; set <= whole_; ++set) {
        sets_[std::popcount(set)].push_back(set);
    }
    for (std::vector<GpuMask>& sets : sets_) {
        std::ranges::stable_sort(sets, {}, [this](GpuMask set) { return set_costs_[set]; });
    }
}

Expected<NodeClass, Refusal> make_node_class(const NodeName& node, const Inventory& inventory) {
    const Expected<Done, Refusal> sound = check_inventory(node, inventory);
    if (!sound) {
        return Unexpected{sound.error()};
    }
    return NodeClass(inventory);
}

Expected<std::shared_ptr<const NodeClass>, Refusal> ClassBook::intern(const NodeName& node,
                                                                      const Inventory& inventory) {
    const Expected<Done, Refusal> sound = check_inventory(node, inventory);
    if (!sound) {
        return Unexpected{sound.error()};
    }
    Inventory hardware = hardware_of(inventory);
    for (const auto& [known, node_class] : known_) {
        if (known == hardware) {
            return node_class;
        }
    }
    auto made = std::make_shared<const NodeClass>(hardware);
    known_.emplace_back(std::move(hardware), made);
    return made;
}

}  // namespace khu
