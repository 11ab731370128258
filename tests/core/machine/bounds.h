#pragma once

/// \file
/// Bounds of rules above a zone and of enterprises, for the tests of the machine.

#include <string>
#include <utility>
#include <vector>

#include "core/policy/layer_rules.h"

namespace khu::testing {

/// The key is at most `number`, by that line of the text.
inline Bound at_most(std::vector<std::string> key, std::int64_t number, int line) {
    return {.key = std::move(key),
            .kind = BoundKind::AtMost,
            .number = number,
            .words = {},
            .written = std::to_string(number),
            .line = line};
}

}  // namespace khu::testing
