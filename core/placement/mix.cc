#include "core/placement/mix.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "core/base/check.h"

namespace khu {

Mix::Mix(const std::vector<std::int64_t>& starts) {
    KHU_CHECK(starts.size() <= wider_.size(), "{} sizes", starts.size());
    std::int64_t sum = 0;
    for (std::size_t gpus = starts.size(); gpus-- > 0;) {
        KHU_CHECK(starts[gpus] >= 0, "{} starts", starts[gpus]);
        wider_[gpus] = sum;
        sum += starts[gpus];
    }
}

std::vector<std::int64_t> Mix::starts() const {
    std::vector<std::int64_t> starts(wider_.size());
    for (std::size_t gpus = 1; gpus < wider_.size(); ++gpus) {
        starts[gpus] = wider_[gpus - 1] - wider_[gpus];
    }
    return starts;
}

void Mix::count(int gpus, std::int64_t nodes) {
    KHU_CHECK(gpus >= 0 && gpus <= limits::boards_per_node_max && nodes > 0, "{} GPUs", gpus);
    for (int free = 0; free < gpus; ++free) {
        wider_[static_cast<std::size_t>(free)] += nodes;
    }
    while (wider_[0] >= kWindow) {
        std::vector<std::int64_t> half = starts();
        std::ranges::for_each(half, [](std::int64_t& each) { each /= 2; });
        *this = Mix(half);
    }
}

Mix::Levels Mix::order(int gpus) const {
    Levels levels = fewest_free_first();
    if (empty() || gpus <= 0 || gpus >= static_cast<int>(levels.size())) {
        return levels;
    }
    std::array<std::int64_t, std::tuple_size_v<Levels>> cost{};
    for (auto free = static_cast<std::size_t>(gpus); free < levels.size(); ++free) {
        cost[free] = gradient(static_cast<int>(free), gpus);
    }
    std::sort(levels.begin() + gpus, levels.end(), [&](std::uint8_t a, std::uint8_t b) {
        return cost[a] != cost[b] ? cost[a] < cost[b] : a < b;
    });
    return levels;
}

Mix::Levels fewest_free_first() {
    Mix::Levels levels{};
    std::iota(levels.begin(), levels.end(), std::uint8_t{0});
    return levels;
}

}  // namespace khu
