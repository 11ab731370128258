#pragma once

/// \file
/// What a trace is replayed under: a machine and what is wished of its policy. One, or with
/// `--against` two that differ in the machine or in the policy; with `--idle` alone, one without
/// and one with the idle load.

#include <optional>
#include <string>
#include <vector>

#include "cli/plan/machine_file.h"
#include "cli/session.h"
#include "core/plan/planned_zone.h"
#include "core/policy/layer_rules.h"

namespace khu::cli {

struct Setting {
    std::string name;  ///< for people
    std::string machine_file;
    MachineFile machine;
    std::optional<Policy> policy;   ///< held to the rules above it
    std::vector<LayerRules> above;  ///< that every policy must keep
    std::optional<OrderStrategy> order;
    std::optional<Span> idle_run;  ///< of the jobs of the idle load
    Moment begins{plan::kStart};   ///< of the trace

    /// Looks into this setting, which must outlive it.
    [[nodiscard]] plan::ZoneWishes wishes() const {
        return {.policy = policy ? &*policy : nullptr,
                .order = order,
                .idle_run = idle_run,
                .begins = begins};
    }
};

/// Reads --under, --machine, --policy, --order, --idle and --against on top of `setting`. Errors:
/// complaints about the files, with their places; two machines whose jobs are not counted in the
/// same unit.
Expected<std::vector<Setting>, Failure> read_settings(const Session& session, Setting setting);

/// The first complaints, one a line, as one refusal.
Failure complained(const Session& session, const std::vector<Complaint>& complaints,
                   Message remedy);

}  // namespace khu::cli
