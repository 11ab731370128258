#pragma once

/// \file
/// Rules above a zone as canonical YAML; reading it back gives the same rules, but for the lines on
/// which their bounds stand. For `khu policy rollback --layer`.

#include <string>

#include "core/policy/layer_rules.h"

namespace khu::config {

std::string print(const LayerRules& rules);

}  // namespace khu::config
