#include "core/placement/fit.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/base/check.h"
#include "core/placement/best_set.h"
#include "core/placement/slices.h"

namespace khu {
namespace {

constexpr std::int64_t kMib = 1LL << 20;
constexpr int kLevels = 3;  // distances: 0 own domain, 1 same package, 2 elsewhere

/// An amount of cores or bytes in each domain.
using Amounts = std::vector<std::int64_t>;

/// How far each domain is from a set of GPUs; 0 everywhere for no GPUs.
std::vector<int> distances_of(const NodeClass& node_class, GpuMask set) {
    std::vector<int> nearest(node_class.domains().size(), set == 0 ? 0 : kLevels - 1);
    for (; set != 0; set &= set - 1) {
        const std::vector<int>& own = node_class.gpus()[std::countr_zero(set)].distances;
        for (std::size_t d = 0; d < own.size(); ++d) {
            nearest[d] = std::min(nearest[d], own[d]);
        }
    }
    return nearest;
}

/// What taking `wanted` nearest first costs in amount x distance.
std::int64_t cost_of(std::int64_t wanted, const std::array<std::int64_t, kLevels>& free) {
    std::int64_t cost = 0;
    for (int level = 0; level < kLevels; ++level) {
        const std::int64_t taken = std::min(wanted, free[level]);
        cost += taken * level;
        wanted -= taken;
    }
    return cost;
}

/// The node's part of what is asked for one GPU.
ModelShare kept(const NodeClass& node_class, const GpuModel& model, int cores, Bytes memory) {
    const int parts = node_class.parts_of(model);
    return parts == 0
               ? ModelShare{}
               : ModelShare{.model = {},
                            .cores = std::min(cores, node_class.core_count() / parts),
                            .memory = std::min(memory, Bytes{node_class.memory().value / parts})};
}

/// Calls `visit(gpus, share)` for each model that the partition offers.
template <class Visit>
void each_share(const NodeClass& node_class, const GpuShare& share, Visit visit) {
    visit(node_class.gpus_of(share.model),
          kept(node_class, share.model, share.cores, share.memory));
    for (const ModelShare& each : share.slices) {
        visit(node_class.gpus_of(each.model),
              kept(node_class, each.model, each.cores, each.memory));
    }
}

/// Of cores or memory: what the job's own GPUs may have, and what those that stay free need.
struct Kept {
    std::int64_t own{0};
    std::int64_t others{0};

    /// A job within its own GPUs' share is never to blame.
    [[nodiscard]] bool leaves_share(std::int64_t free, std::int64_t taken) const {
        return others <= free - taken || taken <= own;
    }
};
struct KeptBeside {
    Kept cores;
    Kept bytes;
};

KeptBeside kept_beside(const NodeClass& node_class, GpuMask free, const Shape& shape,
                       const GpuShare& share) {
    const GpuMask of_model = node_class.gpus_of(shape.gpu_model);
    KeptBeside sum;
    each_share(node_class, share, [&](GpuMask gpus, const ModelShare& one) {
        const std::int64_t taken = (gpus & of_model) == 0 ? 0 : shape.gpus;
        const std::int64_t left = std::max<std::int64_t>(0, std::popcount(gpus & free) - taken);
        sum.cores.own += taken * one.cores;
        sum.cores.others += left * one.cores;
        sum.bytes.own += taken * one.memory.value;
        sum.bytes.others += left * one.memory.value;
    });
    return sum;
}

Amounts free_cores(const NodeState& state) {
    Amounts free(state.node_class().domains().size());
    for (std::size_t d = 0; d < free.size(); ++d) {
        free[d] = state.free_cores_in(static_cast<int>(d));
    }
    return free;
}

Amounts free_bytes(const NodeState& state) {
    Amounts free(state.node_class().domains().size());
    for (std::size_t d = 0; d < free.size(); ++d) {
        free[d] = state.free_memory_in(static_cast<int>(d)).value;
    }
    return free;
}

/// Chooses how much of each domain to take.
class Taker {
public:
    /// `needed`: what the GPUs that stay free need beside them, by domain.
    Taker(Amounts free, Amounts needed, const std::vector<int>& distances)
        : free_(std::move(free)),
          needed_(std::move(needed)),
          taken_(free_.size(), 0),
          distances_(distances) {}

    void take(std::size_t domain, std::int64_t amount) {
        amount = std::min(amount, free_[domain]);
        free_[domain] -= amount;
        taken_[domain] += amount;
    }
    [[nodiscard]] std::int64_t surplus(std::size_t domain) const {
        return std::max<std::int64_t>(0, free_[domain] - needed_[domain]);
    }
    [[nodiscard]] std::int64_t free(std::size_t domain) const { return free_[domain]; }
    [[nodiscard]] const Amounts& taken() const { return taken_; }

    /// Takes the rest nearest first; within a distance what no free GPU needs, then the remainder.
    void take_nearest(std::int64_t wanted) {
        for (int level = 0; level < kLevels && wanted > 0; ++level) {
            for (const bool only_surplus : {true, false}) {
                wanted = take_level(wanted, level, only_surplus);
            }
        }
        KHU_CHECK(wanted == 0, "{} missing", wanted);
    }

private:
    std::int64_t take_level(std::int64_t wanted, int level, bool only_surplus) {
        std::vector<std::size_t> order;
        for (std::size_t d = 0; d < free_.size(); ++d) {
            if (distances_[d] == level) {
                order.push_back(d);
            }
        }
        std::ranges::stable_sort(order, std::greater<>{},
                                 [this](std::size_t d) { return surplus(d); });
        for (const std::size_t d : order) {
            const std::int64_t amount = std::min(wanted, only_surplus ? surplus(d) : free_[d]);
            take(d, amount);
            wanted -= amount;
        }
        return wanted;
    }

    Amounts free_;
    Amounts needed_;
    Amounts taken_;
    const std::vector<int>& distances_;
};

/// The cores and the bytes that each domain's free GPUs need, when those of `set` are taken.
struct Needed {
    Amounts cores;
    Amounts bytes;
};
Needed needed_by_gpus(const NodeState& state, GpuMask set, const GpuShare& share) {
    const std::vector<Domain>& domains = state.node_class().domains();
    Needed needed{Amounts(domains.size(), 0), Amounts(domains.size(), 0)};
    each_share(state.node_class(), share, [&](GpuMask gpus, const ModelShare& one) {
        for (std::size_t d = 0; d < domains.size(); ++d) {
            const int left = std::popcount(domains[d].gpus & gpus & state.free_gpus() & ~set);
            needed.cores[d] += std::int64_t{left} * one.cores;
            needed.bytes[d] += left * one.memory.value;
        }
    });
    return needed;
}

/// Beside the GPUs: each GPU's domain gives an equal part, then the nearest domains the rest.
Amounts beside_gpus(Taker taker, const NodeClass& node_class, GpuMask set, std::int64_t wanted,
                    std::int64_t unit) {
    const std::int64_t part = wanted / std::popcount(set) / unit * unit;
    std::int64_t left = wanted;
    for (GpuMask rest = set; rest != 0; rest &= rest - 1) {
        const int domain = node_class.gpus()[std::countr_zero(rest)].domain;
        if (domain >= 0) {
            const std::int64_t amount = std::min(part, taker.free(domain));
            taker.take(domain, amount);
            left -= amount;
        }
    }
    taker.take_nearest(left);
    return taker.taken();
}

/// Cores of a job without GPUs: one domain that holds them all without taking from free GPUs, the
/// tightest such; else those with most to spare, near one another.
Amounts cores_alone(const NodeState& state, std::int64_t wanted, const Amounts& needed) {
    const std::vector<Domain>& domains = state.node_class().domains();
    std::vector<int> flat(domains.size(), 0);
    const Taker probe(free_cores(state), needed, flat);
    std::optional<std::size_t> tightest;
    std::size_t widest = 0;
    for (std::size_t d = 0; d < domains.size(); ++d) {
        if (probe.surplus(d) >= wanted && (!tightest || probe.free(d) < probe.free(*tightest))) {
            tightest = d;
        }
        if (probe.surplus(d) > probe.surplus(widest)) {
            widest = d;
        }
    }
    Taker taker(free_cores(state), needed, tightest ? flat : domains[widest].distances);
    if (tightest) {
        taker.take(*tightest, wanted);
        return taker.taken();
    }
    for (int level = 0; level < kLevels; ++level) {  // First what no free GPU needs, from anywhere.
        for (std::size_t d = 0; d < domains.size(); ++d) {
            if (domains[widest].distances[d] == level) {
                const std::int64_t amount = std::min(wanted, taker.surplus(d));
                taker.take(d, amount);
                wanted -= amount;
            }
        }
    }
    taker.take_nearest(wanted);
    return taker.taken();
}

/// Memory of a job without GPUs: where its cores are, in proportion, then nearest to most of them.
Amounts memory_alone(const NodeState& state, std::int64_t wanted, const Amounts& cores,
                     const Amounts& needed) {
    const auto most = static_cast<std::size_t>(std::ranges::max_element(cores) - cores.begin());
    std::int64_t core_sum = 0;
    for (const std::int64_t n : cores) {
        core_sum += n;
    }
    Taker taker(free_bytes(state), needed, state.node_class().domains()[most].distances);
    std::int64_t left = wanted;
    for (std::size_t d = 0; d < cores.size() && core_sum > 0; ++d) {
        const std::int64_t part = wanted / core_sum * cores[d] / kMib * kMib;
        const std::int64_t amount = std::min(part, taker.free(d));
        taker.take(d, amount);
        left -= amount;
    }
    taker.take_nearest(left);
    return taker.taken();
}

NodeAllocation allocation_of(const NodeState& state, GpuMask set, const Amounts& cores,
                             const Amounts& memory) {
    NodeAllocation allocation;
    allocation.gpus = positions_of(set);
    const std::vector<Domain>& domains = state.node_class().domains();
    for (std::size_t d = 0; d < domains.size(); ++d) {
        state.free_core_set().append_common(domains[d].cores, static_cast<int>(cores[d]),
                                            allocation.cores);
        if (memory[d] > 0) {
            allocation.memory.push_back({.numa = static_cast<int>(d), .bytes = Bytes{memory[d]}});
        }
    }
    std::ranges::sort(allocation.cores);
    return allocation;
}

NodeAllocation choose_devices(const NodeState& state, GpuMask set, const Shape& shape,
                              const GpuShare& share) {
    const NodeClass& node_class = state.node_class();
    const Needed needed = needed_by_gpus(state, set, share);
    if (set == 0) {
        const Amounts cores = cores_alone(state, shape.cores, needed.cores);
        const Amounts memory = memory_alone(state, shape.memory.value, cores, needed.bytes);
        return allocation_of(state, set, cores, memory);
    }
    const std::vector<int> distances = distances_of(node_class, set);
    const Amounts cores = beside_gpus(Taker(free_cores(state), needed.cores, distances), node_class,
                                      set, shape.cores, 1);
    const Amounts memory = beside_gpus(Taker(free_bytes(state), needed.bytes, distances),
                                       node_class, set, shape.memory.value, kMib);
    return allocation_of(state, set, cores, memory);
}

/// The best set of GPUs: sets come best connected first, so only the equals of the first that is
/// free need their cores and memory compared.
GpuMask best_set(const NodeState& state, const Shape& shape) {
    const NodeClass& node_class = state.node_class();
    const GpuMask free = state.free_gpus() & node_class.gpus_of(shape.gpu_model);
    if (shape.gpus > 0 && (free & node_class.slices()) != 0) {
        return best_slices(state, free, shape);
    }
    BestSet best(state, shape);
    for (const GpuMask set : node_class.sets_of(shape.gpus)) {
        if ((set & ~free) != 0) {
            continue;
        }
        if (best.found() && node_class.set_cost(set) != best.score().set_cost) {
            break;
        }
        best.offer(set);
    }
    KHU_CHECK(best.found(), "{} of {:#x}", shape.gpus, free);
    return best.set();
}

/// An exclusive job has all there is, so that nobody else fits.
NodeFit whole_node(const NodeState& state, const Shape& shape) {
    const NodeClass& node_class = state.node_class();
    Amounts cores;
    Amounts memory;
    for (const Domain& domain : node_class.domains()) {
        cores.push_back(domain.core_count);
        memory.push_back(domain.memory.value);
    }
    return {.allocation = allocation_of(state, node_class.all_gpus(), cores, memory),
            .score = score_set(state, node_class.all_gpus(), shape)};
}

}  // namespace

GpuShare share_on(const NodeClass& node_class, const GpuShare& share) {
    const ModelShare own = kept(node_class, share.model, share.cores, share.memory);
    GpuShare on{.cores = own.cores, .memory = own.memory, .model = share.model};
    for (const ModelShare& each : share.slices) {
        on.slices.push_back(kept(node_class, each.model, each.cores, each.memory));
        on.slices.back().model = each.model;
    }
    return on;
}

GpuMask offered_on(const NodeClass& node_class, const GpuShare& share) {
    GpuMask offered = 0;
    each_share(node_class, share, [&](GpuMask gpus, const ModelShare&) { offered |= gpus; });
    return offered;
}

bool can_fit(const NodeState& state, const Shape& shape, const GpuShare& share) {
    const NodeClass& node_class = state.node_class();
    const int gpus = std::popcount(state.free_gpus() & node_class.gpus_of(shape.gpu_model));
    if (gpus < shape.gpus || state.free_cores() < shape.cores ||
        state.free_memory() < shape.memory) {
        return false;
    }
    if (shape.exclusive) {
        return state.idle();
    }
    const KeptBeside kept = kept_beside(node_class, state.free_gpus(), shape, share);
    return kept.cores.leaves_share(state.free_cores(), shape.cores) &&
           kept.bytes.leaves_share(state.free_memory().value, shape.memory.value);
}

std::optional<NodeFit> fit(const NodeState& state, const Shape& shape, const GpuShare& share) {
    if (!can_fit(state, shape, share)) {
        return std::nullopt;
    }
    if (shape.exclusive) {
        return whole_node(state, shape);
    }
    const GpuMask set = best_set(state, shape);
    return NodeFit{.allocation = choose_devices(state, set, shape, share),
                   .score = score_set(state, set, shape)};
}

GpuShare most_beside(const NodeClass& node_class, const Shape& shape, const GpuShare& share) {
    if (shape.exclusive) {
        return {.cores = node_class.core_count(), .memory = node_class.memory()};
    }
    const auto most = [](std::int64_t all, const Kept& kept) {
        return std::max(all - kept.others, kept.own);
    };
    const KeptBeside kept = kept_beside(node_class, node_class.all_gpus(), shape, share);
    return {.cores = static_cast<int>(most(node_class.core_count(), kept.cores)),
            .memory = Bytes{most(node_class.memory().value, kept.bytes)}};
}

bool could_fit(const NodeClass& node_class, const Shape& shape, const GpuShare& share) {
    const GpuShare most = most_beside(node_class, shape, share);
    return std::popcount(node_class.gpus_of(shape.gpu_model)) >= shape.gpus &&
           most.cores >= shape.cores && most.memory >= shape.memory;
}

std::uint64_t best_free_cost(const NodeState& state, const Shape& shape) {
    const NodeClass& node_class = state.node_class();
    const GpuMask free = state.free_gpus() & node_class.gpus_of(shape.gpu_model);
    if ((free & node_class.slices()) != 0) {
        return node_class.slice_cost(best_slices(state, free, shape));
    }
    for (const GpuMask set : node_class.sets_of(shape.gpus)) {
        if ((set & ~free) == 0) {
            return node_class.set_cost(set);
        }
    }
    KHU_CHECK(false, "{} of {:#x}", shape.gpus, free);
}

FitScore score_set(const NodeState& state, GpuMask set, const Shape& shape) {
    const NodeClass& node_class = state.node_class();
    const std::vector<int> distances = distances_of(node_class, set);
    std::array<std::int64_t, kLevels> cores{};
    std::array<std::int64_t, kLevels> mebibytes{};
    for (std::size_t d = 0; d < distances.size(); ++d) {
        cores[distances[d]] += state.free_cores_in(static_cast<int>(d));
        mebibytes[distances[d]] += state.free_memory_in(static_cast<int>(d)).value / kMib;
    }
    const bool slices = set != 0 && (set & node_class.whole_gpus()) == 0;
    return {
        .set_cost = slices ? node_class.slice_cost(set) : node_class.set_cost(set),
        .remote_cores = cost_of(shape.cores, cores),
        .remote_memory_mib = cost_of(shape.memory.value / kMib, mebibytes),
        .left_cost = slices ? cut_into(state, set) : node_class.set_cost(state.free_gpus() & ~set)};
}

}  // namespace khu
