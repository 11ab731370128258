#include "core/placement/slices.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "core/base/check.h"
#include "core/placement/best_set.h"

namespace khu {
namespace {

int count_of(GpuMask set) {
    return std::popcount(set);
}

/// The lowest `wanted` positions of a set, or all of it.
GpuMask lowest(GpuMask set, int wanted) {
    GpuMask taken = 0;
    for (; wanted > 0 && set != 0; set &= set - 1, --wanted) {
        taken |= set & -set;
    }
    return taken;
}

/// `wanted` slices of those GPUs, which must come with the fewest free first; 0 if they have not as
/// many. The GPUs are emptied one after the other.
GpuMask taken_of(const std::vector<GpuMask>& gpus, std::uint32_t chosen, int wanted) {
    GpuMask taken = 0;
    for (; chosen != 0 && wanted > 0; chosen &= chosen - 1) {
        const GpuMask part = lowest(gpus[std::countr_zero(chosen)], wanted);
        taken |= part;
        wanted -= count_of(part);
    }
    return wanted == 0 ? taken : 0;
}

/// The next number with as many bits. Source: HAKMEM 175 (Gosper).
std::uint32_t next_of_size(std::uint32_t set) {
    const std::uint32_t low = set & -set;
    const std::uint32_t ripple = set + low;
    return ripple | ((set ^ ripple) >> 2) / low;
}

}  // namespace

GpuMask best_slices(const NodeState& state, GpuMask free, const Shape& shape) {
    std::vector<GpuMask> gpus;
    for (const GpuMask slices : state.node_class().cut_gpus()) {
        if ((slices & free) != 0) {
            gpus.push_back(slices & free);
        }
    }
    std::ranges::stable_sort(gpus, {}, count_of);
    KHU_CHECK(!gpus.empty() && gpus.size() < 32, "{} GPUs", gpus.size());
    const std::uint32_t end = std::uint32_t{1} << gpus.size();
    BestSet best(state, shape);
    for (std::size_t size = 1; !best.found() && size <= gpus.size(); ++size) {  // Fewer are better.
        for (std::uint32_t chosen = (std::uint32_t{1} << size) - 1; chosen < end;
             chosen = next_of_size(chosen)) {
            if (const GpuMask set = taken_of(gpus, chosen, shape.gpus); set != 0) {
                best.offer(set);
            }
        }
    }
    KHU_CHECK(best.found(), "{} of {:#x}", shape.gpus, free);
    return best.set();
}

std::uint64_t cut_into(const NodeState& state, GpuMask slices) {
    std::uint64_t fresh = 0;
    std::uint64_t left = 0;
    for (const GpuMask gpu : state.node_class().cut_gpus()) {
        if ((gpu & slices) != 0) {
            fresh += (gpu & ~state.free_gpus()) == 0 ? 1 : 0;
            left += static_cast<std::uint64_t>(count_of(gpu & state.free_gpus() & ~slices));
        }
    }
    return fresh << 32 | left;
}

}  // namespace khu
