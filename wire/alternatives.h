#pragma once

/// \file
/// The alternatives of a job as they are asked for and shown.

#include <cstdint>
#include <string>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu::wire {

/// One of the ways in which a job may run (`any_of`), whole: nothing of it comes from the job.
struct AlternativeAsk {
    std::string partition;
    std::int64_t nodes{1};
    std::int64_t gpus_per_node{0};
    std::string gpu_model;
    std::int64_t cores_per_task{0};
    std::int64_t tasks_per_node{1};
    std::int64_t mem_bytes{0};
    std::int64_t time_limit_s{0};
    bool exclusive{false};
};
KHU_DESCRIBE(AlternativeAsk, partition, nodes, gpus_per_node, gpu_model, cores_per_task,
             tasks_per_node, mem_bytes, time_limit_s, exclusive)

/// One of a job's alternatives, with the zone's defaults filled in.
struct AlternativeView {
    PartitionId partition;
    int nodes{1};
    int gpus_per_node{0};
    GpuModel gpu_model;
    int cores_per_node{0};
    int tasks_per_node{1};
    Bytes mem_bytes;  ///< per node
    std::int64_t time_limit_s{0};
    bool exclusive{false};
    std::string what;  ///< for people: "gpu-l4: 2 x 4 l4, 5h"
};
KHU_DESCRIBE(AlternativeView, partition, nodes, gpus_per_node, gpu_model, cores_per_node,
             tasks_per_node, mem_bytes, time_limit_s, exclusive, what)

}  // namespace khu::wire
