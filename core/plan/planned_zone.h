#pragma once

/// \file
/// The zone that a replay runs in: the nodes of the machine file, and a policy under which each
/// tenant of the trace is an enterprise with a free grant that never runs out. What a given policy
/// says of order, fair share and priority is taken over.

#include <map>
#include <string>
#include <vector>

#include "core/base/expected.h"
#include "core/jobs/spec.h"
#include "core/plan/trace.h"
#include "core/policy/policy.h"

namespace khu::plan {

struct PlannedNode {
    NodeName name;
    Inventory inventory;
};

struct PlannedZone {
    Policy policy;
    std::vector<PlannedNode> nodes;
    std::map<std::string, EnterpriseId> enterprises;  ///< by tenant
    std::map<std::string, PartitionId> partitions;    ///< by tenant; "" is everybody's
    Span longest;                                     ///< limit of jobs that have none
    int gpus_per_node{0};
    bool cores_only{false};
    std::int64_t gpus{0};       ///< installed
    std::int64_t all_nodes{0};  ///< installed
};

struct ZoneWishes {
    const Policy* policy{nullptr};  ///< null: the defaults
    std::optional<OrderStrategy> order;
};

/// Errors, for people: a machine without nodes, nodes with different numbers of GPUs in one
/// partition, more nodes than limits.h allows.
Expected<PlannedZone, std::string> plan_zone(const Machine& machine,
                                             const std::vector<TraceJob>& jobs,
                                             const ZoneWishes& wishes);

/// The request that the trace's job makes of that zone.
JobSpec spec_of(const PlannedZone& zone, const TraceJob& job, Runtimes runtimes);

/// When the replay begins, on its own clock.
inline constexpr Moment kStart{1'767'225'600'000};  // 2026-01-01T00:00:00Z

}  // namespace khu::plan
