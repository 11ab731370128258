#include "core/jobs/phase.h"

namespace khu {

bool is_infrastructure(EndCause cause) {
    switch (cause) {
        case EndCause::NodeFail:
        case EndCause::AgentLost:
        case EndCause::LaunchFail:
        case EndCause::ControllerFault:
        case EndCause::MaintenanceKill:
            return true;
        case EndCause::Completed:
        case EndCause::UserError:
        case EndCause::UserCancel:
        case EndCause::Oom:
        case EndCause::TimeLimit:
        case EndCause::Preempted:
        case EndCause::DependencyFailed:
        case EndCause::DeadlineMissed:
            return false;
    }
    KHU_CHECK(false, "cause {}", static_cast<int>(cause));
}

std::string phase_name(const Phase& phase) {
    struct Names {
        std::string operator()(const Queued&) const { return "queued"; }
        std::string operator()(const Starting&) const { return "starting"; }
        std::string operator()(const Running&) const { return "running"; }
        std::string operator()(const Ending&) const { return "ending"; }
        std::string operator()(const Finished&) const { return "done"; }
    };
    return std::visit(Names{}, phase);
}

}  // namespace khu
