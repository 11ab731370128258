#pragma once

/// \file
/// Nodes in random states, for the properties of placement.

#include <memory>

#include "core/base/random.h"
#include "core/placement/node_state.h"

namespace khu {

inline const EnterpriseId kSomebody{"0401000001"};

/// Takes a random part of the node, with no regard to what is good.
inline NodeState half_full(const std::shared_ptr<const NodeClass>& type, Random& random) {
    NodeState state(type);
    NodeAllocation taken;
    const int full = static_cast<int>(random.below(1000));
    for (int gpu = 0; gpu < type->gpu_count(); ++gpu) {
        if (random.chance(full)) {
            taken.gpus.push_back(gpu);
        }
    }
    for (int core = 0; core < type->core_count(); ++core) {
        if (random.chance(full / 2)) {
            taken.cores.push_back(core);
        }
    }
    for (int d = 0; d < static_cast<int>(type->domains().size()); ++d) {
        const std::int64_t all = state.free_memory_in(d).value;
        if (all > 0 && random.chance(full)) {
            taken.memory.push_back({.numa = d, .bytes = Bytes{random.between(0, all)}});
        }
    }
    state.take(kSomebody, taken);
    return state;
}

}  // namespace khu
