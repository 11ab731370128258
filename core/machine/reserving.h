#pragma once

/// \file
/// The facts of the calendar that are due (reservations.h): windows that get their nodes, or
/// others, and windows that are over.

#include <vector>

#include "core/machine/events.h"
#include "core/machine/state.h"

namespace khu {

/// What is due by `now`, in order; each is made for the state before it, so at most one.
std::vector<Fact> reservations_due(const State& state, Moment now);
/// When reservations_due() next has something, if nodes and policy stay as they are; kNever if
/// never.
Moment next_reservation_event(const State& state, Moment now);

/// Up to so many of the nodes that the window could have from the beginning, if it got them at
/// `now`; what runs on others lasts too long.
int free_in_time(const State& state, const ReservedWindow& window, Moment now);

/// The windows that have nodes; and of those that begin later the first few, with the nodes that
/// they would get at `now`.
std::vector<Booking> foreseen_windows(const State& state, Moment now);

namespace apply_detail {

/// Tells the schedule which nodes are set aside.
void use_calendar(State& state);

}  // namespace apply_detail
}  // namespace khu
