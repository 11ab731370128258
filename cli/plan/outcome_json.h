#pragma once

/// \file
/// The result of `khu plan` as JSON, for scripts. Means and ratios are printed from integers with
/// three decimals, so that two runs give the same bytes; only `wall_s` differs.

#include <string>

#include "cli/plan/outcome.h"

namespace khu::cli {

/// The members of the first replay; those of the second, if there is one, under "against".
std::string plan_json(const PlanReport& report);

}  // namespace khu::cli
