#pragma once

/// \file
/// The life of a job. Each phase holds only what is true in it; the edges of the published
/// transition table (docs/formats/phases.md) are the only ones, and Done absorbs.
///
///     Queued -> Starting -> Running -> Ending -> Done
///        ^         |           |         |
///        |         +-----------+-> Ending +-> Queued   (requeued after a node's failure)
///        +-> Done (cancelled while queued)

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/base/boxed.h"
#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/jobs/placement.h"

namespace khu {

/// Why an attempt ended; decides what is charged (docs/guides/accounting.md).
enum class EndCause {
    Completed,
    UserError,
    UserCancel,
    Oom,
    TimeLimit,
    NodeFail,
    AgentLost,
    LaunchFail,
    ControllerFault,
    MaintenanceKill,
    Preempted,
    DependencyFailed,  ///< a job that it waited for ended otherwise than asked
    DeadlineMissed,    ///< it could no longer end in time
};
KHU_DESCRIBE_ENUM(EndCause, Completed, UserError, UserCancel, Oom, TimeLimit, NodeFail, AgentLost,
                  LaunchFail, ControllerFault, MaintenanceKill, Preempted, DependencyFailed,
                  DeadlineMissed)

/// True where the infrastructure is to blame: waived, and requeued if the job allows it.
bool is_infrastructure(EndCause cause);

struct Queued {
    Moment since;
    Moment not_before;  ///< retry back-off or the job's own begin time; 0: at once
    bool operator==(const Queued&) const = default;
};
KHU_DESCRIBE(Queued, since, not_before)

/// How far one node of an attempt is.
enum class NodeStage { Ordered, Prepared, Running, Released };
KHU_DESCRIBE_ENUM(NodeStage, Ordered, Prepared, Running, Released)

/// One placement of a job, from resources taken to resources given back.
struct Attempt {
    AttemptNumber number;
    Placement placement;
    std::vector<NodeStage> stages;  ///< one for each node of the placement, in its order
    Moment taken_at;                ///< resources taken; charging starts
    Moment started_at;              ///< first rank ran; 0: none yet
    Moment deadline;                ///< taken_at + time limit
    bool ran_whole{false};          ///< every node has run its part, be it at different times
    Moment yields_at{kNever};       ///< may be told to give way from then on; kNever: never
    bool borrowed{false};           ///< with it its programme went beyond what it owns
    bool operator==(const Attempt&) const = default;
};
KHU_DESCRIBE(Attempt, number, placement, stages, taken_at, started_at, deadline, ran_whole,
             yields_at, borrowed)

struct Starting {
    Boxed<Attempt> attempt;
    bool operator==(const Starting&) const = default;
};
KHU_DESCRIBE(Starting, attempt)

struct Running {
    Boxed<Attempt> attempt;
    bool operator==(const Running&) const = default;
};
KHU_DESCRIBE(Running, attempt)

/// The end is decided; some nodes have not yet given back what they had.
struct Ending {
    Boxed<Attempt> attempt;
    EndCause cause{};
    int exit_code{0};
    Boxed<std::string> detail;  ///< for people: "killed by signal 9", a launch fault's text
    Moment since;
    Moment stop_by{};      ///< it has until then to end by itself; 0: the usual grace
    JobId gives_way_to{};  ///< 0: nobody
    bool operator==(const Ending&) const = default;
};
KHU_DESCRIBE(Ending, attempt, cause, exit_code, detail, since, stop_by, gives_way_to)

struct Finished {
    EndCause cause{};
    int exit_code{0};
    Boxed<std::string> detail;
    Moment at;
    bool operator==(const Finished&) const = default;
};
KHU_DESCRIBE(Finished, cause, exit_code, detail, at)

using Phase = std::variant<Queued, Starting, Running, Ending, Finished>;

/// "queued", "starting", "running", "ending", "done".
std::string phase_name(const Phase& phase);

}  // namespace khu
