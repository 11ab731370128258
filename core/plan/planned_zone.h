#pragma once

/// \file
/// The zone that a replay runs in: the nodes of the machine file, and a policy under which each
/// tenant of the trace is an enterprise with a free grant that never runs out. What a given policy
/// says of order, fair share and priority is taken over, and what its calendar says of its first
/// partition: blackouts, and the nodes that reservations set aside, on every partition of the
/// replay. No job of a trace names a reservation. Its first partition's rules of borrowing hold on
/// a machine that is not split by tenant: a job is of the programme that it or its tenant is named
/// after, or of one without a rule.

#include <map>
#include <optional>
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

/// An endless supply of jobs of the idle class: as many as the machine has GPUs (nodes, cores), one
/// GPU each, live at any time. Whoever is told to leave uses its whole grace, and begins anew.
struct IdleLoad {
    Span run;  ///< of each job, if nobody needs its place before
    Span sure{minutes(20)};
    Span grace{minutes(5)};
};

/// Why the policy's borrowing is not obeyed: programmes own more GPUs than there are, or these are
/// split by tenant.
struct NotLent {
    std::int64_t nominal{0};
    std::int64_t gpus{0};
    std::int64_t partitions{0};
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
    std::optional<IdleLoad> idle;
    std::optional<NotLent> not_lent;
    Moment begins;  ///< when the first job is submitted
};

/// When a replay begins, on its own clock, where nothing says when its trace was recorded.
inline constexpr Moment kStart{1'767'225'600'000};  // 2026-01-01T00:00:00Z

struct ZoneWishes {
    const Policy* policy{nullptr};  ///< null: the defaults
    std::optional<OrderStrategy> order;
    std::optional<Span> idle_run;  ///< none: no idle load
    Moment begins{kStart};         ///< of the first submission; what the calendar is held against
};

/// Errors, for people: a machine without nodes, nodes with different numbers of GPUs in one
/// partition, more nodes than limits.h allows.
Expected<PlannedZone, std::string> plan_zone(const Machine& machine,
                                             const std::vector<TraceJob>& jobs,
                                             const ZoneWishes& wishes);

/// The request that the trace's job makes of that zone.
JobSpec spec_of(const PlannedZone& zone, const TraceJob& job, Runtimes runtimes);

/// One job of the idle load. Claims: there is one.
JobSpec idle_spec(const PlannedZone& zone);

/// GPUs, or nodes or cores on a machine that is counted in them.
std::int64_t installed(const PlannedZone& zone);

}  // namespace khu::plan
