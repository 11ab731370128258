#pragma once

/// \file
/// Open MPI 4.1 without ssh and without keys: mpirun on the head node reaches the other nodes
/// through khu-rsh (MCA parameter plm_rsh_agent). Facts these plans rest on, measured with
/// Debian's 4.1.4: hosts and slots come from the default hostfile; a rankfile with physical slots
/// binds ranks to the placed cores; both TCP interface lists must be given by CIDR; ob1 with shared
/// memory and TCP starts twice as fast as the defaults; waiting ranks must yield when there are
/// more ranks than cores.

#include "plugins/launcher.h"

namespace khu::plugins {

/// `mpirun` around the job's command on the head node; the others wait for remote steps.
class OpenMpiLauncher : public Launcher {
public:
    [[nodiscard]] std::string_view name() const override { return "mpi"; }
    [[nodiscard]] Expected<LaunchPlan, Refusal> plan(const LaunchRequest& request) const override;
};

/// The script once on the head node, with everything set for a bare `mpirun` inside it.
class ScriptLauncher : public Launcher {
public:
    [[nodiscard]] std::string_view name() const override { return "script"; }
    [[nodiscard]] Expected<LaunchPlan, Refusal> plan(const LaunchRequest& request) const override;
};

}  // namespace khu::plugins
