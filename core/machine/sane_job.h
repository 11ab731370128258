#pragma once

/// \file
/// Numbers of a job that make sense whatever the policy says: what is outside is a slip of the hand
/// or hostile, and is refused before anything is computed from it.

#include <cstdint>

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "core/jobs/spec.h"

namespace khu {

/// A130 if `asked` is not from `low` to `high`.
Expected<Done, Refusal> in_range(const char* what, std::int64_t asked, std::int64_t low,
                                 std::int64_t high);

/// A130 with the first number of `spec` that is out of range.
Expected<Done, Refusal> sane_numbers(const JobSpec& spec);

}  // namespace khu
