#pragma once

/// \file
/// The result of `khu plan` for people, and as CSV: a row for each replay, enterprise and measure.

#include <string>

#include "cli/plan/outcome.h"
#include "cli/session.h"
#include "cli/table.h"

namespace khu::cli {

/// Tables one after another: what was replayed, the measures side by side, the enterprises, and
/// what was rejected or ignored. `bold` titles where they go to a terminal.
std::string plan_text(const Session& session, const PlanReport& report, bool bold);

/// Columns replay, scope, measure, jobs, mean, p50, p90, p99, max; unused cells are empty.
std::string plan_csv(const PlanReport& report);

}  // namespace khu::cli
