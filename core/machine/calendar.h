#pragma once

/// \file
/// The policy's blackouts: times in which no job may run on a partition. A job that could run into
/// one does not start before it is over. What runs already when a policy brings a blackout is not
/// stopped.

#include <optional>

#include "core/base/refusal.h"
#include "core/machine/state.h"

namespace khu {

/// BlackoutAhead (A117): the first that the job would meet if it started now and used its whole
/// limit; none if there is none.
std::optional<Reason> blackout_ahead(const Policy& policy, const JobSpec& spec, Moment now);

/// The first end of a blackout after `after`: jobs may start again.
std::optional<Moment> next_blackout_end(const Policy& policy, Moment after);

}  // namespace khu
