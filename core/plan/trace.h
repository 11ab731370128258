#pragma once

/// \file
/// What `khu plan` replays: the jobs of a trace and the machine they are to run on, as plain data.
/// cli/plan reads them from files. Times are spans from the trace's first submission.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/units.h"
#include "core/topology/inventory.h"

namespace khu::plan {

struct TraceJob {
    std::string id;
    Span submit;         ///< from the first submission of the trace
    Span duration;       ///< how long it really ran
    int nodes{0};        ///< whole nodes asked for; 0: not said
    int gpus{0};         ///< of the whole job
    int cpus{0};         ///< of the whole job; 0: not said
    std::string tenant;  ///< who pays; empty: not said
    std::string user;
    Span limit;               ///< as the user gave it; 0: none
    std::string programme{};  ///< on whose hours; empty: not said
};

/// Nodes that are alike.
struct NodeGroup {
    int count{0};
    Inventory inventory;
    int rack_of{0};      ///< nodes in a rack; 0: no racks
    std::string tenant;  ///< whose they are; empty: everybody's
};

struct Machine {
    std::vector<NodeGroup> groups;
    /// Jobs are counted in processors of one pool, not in nodes.
    bool cores_only{false};
};

/// `gpus` GPUs that all reach one another through switches (0: none), on two NUMA nodes.
Inventory plain_node(int gpus, int cores);

/// What the scheduler may know of a job before it ends.
enum class Runtimes { Known, Limits, Predicted };
KHU_DESCRIBE_ENUM(Runtimes, Known, Limits, Predicted)

}  // namespace khu::plan
