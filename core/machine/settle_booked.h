#pragma once

/// \file
/// What a booked reservation (booked.h) costs goes into the books: at its end, and at each cut of a
/// month inside its window.

#include "core/machine/effects.h"
#include "core/machine/state.h"

namespace khu {

/// The window is over: the charge is settled and the record dropped.
Effects settle_booked(State& state, const std::string& id, Moment at);
/// What is due at the cut `until`; windows that are over by then are settled whole.
Effects settle_booked_month(State& state, Moment until, Moment at);
/// A row of usage of a job that may be inside one.
void count_inside(State& state, const JobSpec& spec, const UsageRow& row);
/// Nodes came or went: what is missing counts from now on. Also where it did not change.
void count_missing(State& state, Moment at);

}  // namespace khu
