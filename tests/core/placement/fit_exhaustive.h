#pragma once

/// \file
/// What fit() must choose, found by trying every set of GPUs, and worked out from the inventory
/// alone: nothing here uses NodeClass's tables.

#include <algorithm>
#include <bit>
#include <optional>
#include <set>
#include <vector>

#include "core/placement/fit.h"
#include "core/topology/inventory.h"

namespace khu::exhaustive {

/// Compared from the top, lower is better: the order that fit.h promises.
struct Score {
    int worst_tier{0};
    std::int64_t pair_cost{0};
    std::size_t numas{0};
    std::size_t packages{0};
    std::int64_t remote_cores{0};
    std::int64_t remote_mib{0};
    int left_tier{0};
    std::int64_t left_pair_cost{0};
    std::size_t left_numas{0};
    std::size_t left_packages{0};
    auto operator<=>(const Score&) const = default;
};

inline int tier(LinkKind kind) {
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
    return 5;
}

inline std::int64_t pair_cost(const Inventory& it, const GpuLink& link) {
    std::int64_t fastest = 0;
    for (const GpuLink& other : it.links) {
        fastest = tier(other.kind) == 0 ? std::max(fastest, other.megabytes_per_second) : fastest;
    }
    if (tier(link.kind) > 0 || fastest == 0) {
        return 1000 * tier(link.kind);
    }
    return 999 - 999 * link.megabytes_per_second / fastest;
}

struct Connection {
    int worst_tier{0};
    std::int64_t pair_cost{0};
    std::set<int> numas;
    std::set<int> packages;
};

/// `costs`: of each link, in the order of the inventory's.
inline Connection connection(const Inventory& it, const std::vector<std::int64_t>& costs,
                             GpuMask set) {
    Connection found;
    for (std::size_t i = 0; i < it.links.size(); ++i) {
        const GpuLink& link = it.links[i];
        if ((set >> link.from & 1) != 0 && (set >> link.to & 1) != 0) {
            found.worst_tier = std::max(found.worst_tier, tier(link.kind));
            found.pair_cost += costs[i];
        }
    }
    for (std::size_t i = 0; i < it.gpus.size(); ++i) {
        if ((set >> i & 1) != 0) {
            found.numas.insert(it.gpus[i].numa);
            found.packages.insert(it.gpus[i].package);
        }
    }
    return found;
}

/// 0 the GPU's own NUMA node, 1 its package, 2 elsewhere; of several GPUs the nearest.
inline int distance(const Inventory& it, GpuMask set, int numa, int package) {
    int nearest = set == 0 ? 0 : 2;
    for (std::size_t i = 0; i < it.gpus.size(); ++i) {
        if ((set >> i & 1) != 0) {
            const bool own = numa >= 0 && it.gpus[i].numa == numa;
            const bool same_package = package >= 0 && it.gpus[i].package == package;
            nearest = std::min(nearest, own ? 0 : same_package ? 1 : 2);
        }
    }
    return nearest;
}

inline int distance_to_core(const Inventory& it, GpuMask set, int core) {
    const int numa = it.cores[core].numa;
    const bool numa_knows = numa >= 0 && it.numa_nodes[numa].package >= 0;
    return distance(it, set, numa,
                    numa_knows ? it.numa_nodes[numa].package : it.cores[core].package);
}

/// The nearest cores one by one.
inline std::int64_t core_cost(const Inventory& it, const NodeState& state, GpuMask set, int cores) {
    std::vector<int> distances;
    for (int core = 0; core < static_cast<int>(it.cores.size()); ++core) {
        if (state.free_core_set().contains(core)) {
            distances.push_back(distance_to_core(it, set, core));
        }
    }
    std::ranges::sort(distances);
    std::int64_t cost = 0;
    for (int i = 0; i < cores; ++i) {
        cost += distances.at(i);
    }
    return cost;
}

inline std::int64_t memory_cost(const Inventory& it, const NodeState& state, GpuMask set,
                                std::int64_t mib) {
    std::int64_t cost = 0;
    for (int far = 0; far <= 2; ++far) {
        for (int numa = 0; numa < static_cast<int>(it.numa_nodes.size()); ++numa) {
            if (distance(it, set, numa, it.numa_nodes[numa].package) == far) {
                const std::int64_t part =
                    std::min(mib, state.free_memory_in(numa).value / (1 << 20));
                cost += part * far;
                mib -= part;
            }
        }
    }
    return cost;
}

/// Tries sets of one node in one state.
class Search {
public:
    Search(const Inventory& machine, const NodeState& state, const Shape& shape)
        : it_(machine), state_(state), shape_(shape) {
        for (const GpuLink& link : machine.links) {
            costs_.push_back(pair_cost(machine, link));
        }
    }

    [[nodiscard]] Score score(GpuMask set) const {
        const Connection chosen = connection(it_, costs_, set);
        const Connection left = connection(it_, costs_, state_.free_gpus() & ~set);
        return {.worst_tier = chosen.worst_tier,
                .pair_cost = chosen.pair_cost,
                .numas = chosen.numas.size(),
                .packages = chosen.packages.size(),
                .remote_cores = core_cost(it_, state_, set, shape_.cores),
                .remote_mib = memory_cost(it_, state_, set, shape_.memory.value / (1 << 20)),
                .left_tier = left.worst_tier,
                .left_pair_cost = left.pair_cost,
                .left_numas = left.numas.size(),
                .left_packages = left.packages.size()};
    }

    /// The best score over every set of free GPUs of the right size and model. Claims: there is
    /// one.
    [[nodiscard]] Score best() const {
        std::optional<Score> best;
        const GpuMask end = GpuMask{1} << it_.gpus.size();
        for (GpuMask set = 0; set < end; ++set) {
            if (usable(set)) {
                const Score found = score(set);
                best = best ? std::min(*best, found) : found;
            }
        }
        KHU_CHECK(best.has_value());
        return *best;
    }

private:
    [[nodiscard]] bool usable(GpuMask set) const {
        if ((set & ~state_.free_gpus()) != 0 || std::popcount(set) != shape_.gpus) {
            return false;
        }
        for (std::size_t i = 0; i < it_.gpus.size(); ++i) {
            if ((set >> i & 1) != 0 && !shape_.gpu_model.empty() &&
                it_.gpus[i].model != shape_.gpu_model) {
                return false;
            }
        }
        return true;
    }

    const Inventory& it_;
    const NodeState& state_;
    const Shape& shape_;
    std::vector<std::int64_t> costs_;
};

/// Whether there is enough, and every GPU that stays free keeps its share.
inline bool fits(const Inventory& it, const NodeState& state, const Shape& shape,
                 const GpuShare& share) {
    int free_of_model = 0;
    int free_gpus = 0;
    for (std::size_t i = 0; i < it.gpus.size(); ++i) {
        const bool free = (state.free_gpus() >> i & 1) != 0;
        const bool model = shape.gpu_model.empty() || it.gpus[i].model == shape.gpu_model;
        free_gpus += free ? 1 : 0;
        free_of_model += free && model ? 1 : 0;
    }
    if (free_of_model < shape.gpus || state.free_cores() < shape.cores ||
        state.free_memory() < shape.memory) {
        return false;
    }
    if (it.gpus.empty()) {
        return true;
    }
    const auto gpus = static_cast<std::int64_t>(it.gpus.size());
    const std::int64_t cores_each =
        std::min<std::int64_t>(share.cores, static_cast<std::int64_t>(it.cores.size()) / gpus);
    const std::int64_t bytes_each = std::min(share.memory.value, it.memory.value / gpus);
    const std::int64_t left = free_gpus - shape.gpus;
    const bool cores_kept = state.free_cores() - shape.cores >= left * cores_each ||
                            shape.cores <= shape.gpus * cores_each;
    const bool bytes_kept = state.free_memory().value - shape.memory.value >= left * bytes_each ||
                            shape.memory.value <= shape.gpus * bytes_each;
    return cores_kept && bytes_kept;
}

}  // namespace khu::exhaustive
