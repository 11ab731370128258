#pragma once

/// \file
/// Utilisation and queue over time as an SVG picture, one line for each replay. Plain text made
/// here: no script, no font, no outside file; legible on light and dark grounds, and in print the
/// second line is told from the first by its dashes. Integers only, so that the same replay gives
/// the same bytes.

#include <string>

#include "cli/plan/outcome.h"
#include "cli/session.h"

namespace khu::cli {

std::string plan_picture(const Session& session, const PlanReport& report);

}  // namespace khu::cli
