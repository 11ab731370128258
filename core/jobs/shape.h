#pragma once

/// \file
/// What a job takes of each of its nodes, and the ways in which it may take it.

#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu {

/// What a job takes of each of its nodes. Whole cores.
struct Shape {
    int gpus{0};
    GpuModel gpu_model;  ///< empty: the partition's
    int cores{1};
    Bytes memory;  ///< 0 as submitted: the partition's share; never 0 once admitted
    bool exclusive{false};
    auto operator<=>(const Shape&) const = default;
};
KHU_DESCRIBE(Shape, gpus, gpu_model, cores, memory, exclusive)

/// One way in which a job may run; what it does not have is the same in all of them.
struct Alternative {
    PartitionId partition;
    int nodes{1};
    Shape shape;
    int tasks_per_node{1};
    Span time_limit;
    bool operator==(const Alternative&) const = default;
};
KHU_DESCRIBE(Alternative, partition, nodes, shape, tasks_per_node, time_limit)

/// The ways of a job, the most wanted first: two or more, or none.
struct AnyOf {
    std::vector<Alternative> ways;
    bool operator==(const AnyOf&) const = default;
};
KHU_DESCRIBE(AnyOf, ways)

}  // namespace khu
