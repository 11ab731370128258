#pragma once

/// \file
/// The rules of the nation and the province that --under names: files that bound what a policy may
/// say (docs/formats/layers.md).

#include <string>
#include <vector>

#include "cli/session.h"
#include "core/policy/complaint.h"
#include "core/policy/layer_rules.h"

namespace khu::cli {

/// What is wrong in the files goes to `wrong`, each complaint with its place. Errors: a file that
/// cannot be read.
Expected<std::vector<LayerRules>, Failure> rules_under(const Session& session,
                                                       std::vector<Complaint>& wrong);

}  // namespace khu::cli
