#pragma once

/// \file
/// Launchers whose ranks each node starts itself, without MPI: `fork` for independent processes and
/// `torch` for processes that meet at MASTER_ADDR:MASTER_PORT (torch.distributed's env://
/// rendezvous).

#include "plugins/launcher.h"

namespace khu::plugins {

class ForkLauncher : public Launcher {
public:
    [[nodiscard]] std::string_view name() const override { return "fork"; }
    [[nodiscard]] Expected<LaunchPlan, Refusal> plan(const LaunchRequest& request) const override;
};

class TorchLauncher : public Launcher {
public:
    [[nodiscard]] std::string_view name() const override { return "torch"; }
    [[nodiscard]] Expected<LaunchPlan, Refusal> plan(const LaunchRequest& request) const override;
};

}  // namespace khu::plugins
