#pragma once

/// \file
/// The observed mix: how many GPUs of one node the jobs of a partition ask for, counted as they
/// start; MIG slices as GPUs, more than a node has GPUs as so many (NodeIndex::level_of). From it
/// follows what a placement costs those that come later: GPUs that stay free on a node where jobs
/// like those of the mix cannot use them.
///
///     stranded(free)         = free x starts that asked for more than `free` GPUs of a node
///     gradient(free, taken)  = stranded(free - taken) - stranded(free)
///
/// The less the gradient, the more jobs of the mix stay placeable. Cores and memory need not be
/// counted: beside each free GPU its share stays (fit.h). All of it is in integers, and old starts
/// fade.
///
/// Source: the fragmentation gradient of Q. Weng et al., "Beware of Fragmentation: Scheduling
/// GPU-Sharing Workloads with Fragmentation Gradient Descent", USENIX ATC 2023, for whole GPUs.

#include <array>
#include <cstdint>
#include <vector>

#include "core/base/limits.h"

namespace khu {

class Mix {
public:
    /// Free GPUs of a node, in an order.
    using Levels = std::array<std::uint8_t, limits::boards_per_node_max + 1>;

    Mix() = default;
    /// As starts() gave it. Claims: no longer than that, nothing negative.
    explicit Mix(const std::vector<std::int64_t>& starts);

    /// A job started that asks for `gpus` of each of its nodes (0 to boards_per_node_max).
    void count(int gpus, std::int64_t nodes);

    [[nodiscard]] bool empty() const { return wider_[0] == 0; }
    /// Node by node, by GPUs asked for; half of each is forgotten when there are kWindow.
    [[nodiscard]] std::vector<std::int64_t> starts() const;
    /// In GPUs x starts; less is better. Claims: 0 <= taken <= free <= boards_per_node_max.
    [[nodiscard]] std::int64_t gradient(int free, int taken) const {
        return stranded(free - taken) - stranded(free);
    }
    /// 0 to boards_per_node_max, for a job that takes `gpus` of a node: those on which it does not
    /// fit, then the others by gradient, equal ones the fewest free GPUs first.
    [[nodiscard]] Levels order(int gpus) const;

    /// About so many starts count: a day or so of a busy zone, a few weeks of a calm one.
    static constexpr std::int64_t kWindow = 1'024;

    bool operator==(const Mix&) const = default;

private:
    [[nodiscard]] std::int64_t stranded(int free) const {
        return free * wider_[static_cast<std::size_t>(free)];
    }

    /// Starts that asked for more GPUs of a node than the position says.
    std::array<std::int64_t, limits::boards_per_node_max + 1> wider_{};
};

/// 0, 1, 2, ...: best fit, the order of an empty mix.
Mix::Levels fewest_free_first();

}  // namespace khu
