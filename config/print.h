#pragma once

/// \file
/// A Policy as canonical YAML: the keys in the order of the schema, defaults left out, the same
/// bytes for the same policy. Reading it back gives the same policy (invariant I-31). For `khu
/// policy show`.

#include <string>

#include "core/policy/policy.h"

namespace khu::config {

std::string print(const Policy& policy);

}  // namespace khu::config
