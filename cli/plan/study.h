#pragma once

/// \file
/// `khu plan` from its options to its report: reads the files, replays, measures. Asks no khud.

#include "cli/plan/outcome.h"
#include "cli/session.h"

namespace khu::cli {

/// Errors: options that are missing (exit code 2); every complaint about a file, with its place
/// (exit code 1).
Expected<PlanReport, Failure> study(Session& session);

}  // namespace khu::cli
