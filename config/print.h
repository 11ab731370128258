#pragma once

/// \file
/// A Policy as canonical YAML: the keys in the order of the schema, defaults left out, the same
/// bytes for the same policy. Reading it back gives the same policy (invariant I-31). For `khu
/// policy show`.

#include <string>
#include <string_view>

#include "core/policy/policy.h"

namespace khu::config {

std::string print(const Policy& policy);

/// A text as a YAML scalar in quotes; whoever reads it takes it as the same value without.
std::string quoted(std::string_view text);

}  // namespace khu::config
