#pragma once

/// \file
/// What a reservation of the calendar sets aside, and whether a policy still has a window that was
/// booked under an earlier one.

#include <optional>
#include <vector>

#include "core/policy/policy.h"

namespace khu {

/// How many whole nodes it sets aside.
int nodes_of(const Policy& policy, const Reservation& reservation);

/// The reservation of that id; null if the policy has none.
const Reservation* find_in_calendar(const Policy& policy, const std::string& id);

/// True if it is one of its windows.
bool has_window(const Reservation& reservation, const Window& window);

/// True if the policy has this very window, of as many nodes of the same partition, for the same
/// enterprise: then its booking stays as it is. `booked` is one window.
bool keeps(const Policy& policy, const Reservation& booked);

/// True at moments at which `booked` can be given up and costs nothing.
bool may_be_given_up(const Reservation& booked, Moment at);

/// The one of `booked` that stays though the policy has another window of its name at that time,
/// which can therefore not be booked.
std::optional<Reservation> in_the_way(const Policy& policy, const Reservation& asked,
                                      const Window& window, const std::vector<Reservation>& booked,
                                      Moment at);

}  // namespace khu
