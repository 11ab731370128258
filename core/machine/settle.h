#pragma once

/// \file
/// What an attempt costs goes into the books: at its end, and where it runs across local midnight
/// of the 1st also at that cut, so that each row of usage belongs to exactly one month. A month is
/// final once it is closed: no row of it appears any more, a correction stands in a later month.

#include <optional>

#include "core/machine/effects.h"
#include "core/machine/events.h"
#include "core/machine/state.h"

namespace khu {

/// Settles the attempt and drops its books: its entries, then its rows. `base` grows by what was
/// used and not waived, over the whole attempt.
Effects settle_end(State& state, const Job& job, Moment at, Atoms& base);

/// Settles what every attempt used before the cut `until`, a local midnight of the 1st.
Effects settle_month(State& state, Moment until, Moment at);

/// The cut and the closings that are due at `now`, in their order.
std::vector<Fact> months_due(const State& state, Moment now);
/// When months_due() next has something; kNever while there is no policy.
Moment next_month_event(const State& state);

}  // namespace khu
