#pragma once

/// \file
/// What a reservation for one enterprise asks of the zone and what it costs, whoever books it: the
/// enterprise by a command, or the policy for it.

#include <string>

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "core/machine/booked.h"
#include "core/machine/state.h"

namespace khu {

/// H422 at one of its fields.
Unexpected<Refusal> bad_reservation(const std::string& field, std::string why);

/// True if the policy has a reservation of that name, booked or not. A booked window of the
/// policy's has its key instead of its name.
bool is_of_policy(const State& state, const std::string& id);

/// Whether somebody may book that name for that window, whatever it is of. Errors: A146, H422.
Expected<Done, Refusal> may_be_booked(const State& state, const std::string& id,
                                      const Window& window, Moment now);

/// Fills in its nodes, whole, and their GPUs. `booked` has what is asked for, and by whom. Errors:
/// A101, A102, A133, H422.
Expected<Done, Refusal> fit_to_zone(const State& state, Booked& booked);

/// P070: as many nodes must be free when its window begins. Errors: H422.
Expected<Done, Refusal> nodes_in_time(const State& state, const Booked& booked, Moment now);

/// Fills in the price and the hold of all of it, as they are now. Errors: A105, A107, A110 to A115,
/// A119.
Expected<Done, Refusal> charge_to_grants(const State& state, Booked& booked, Moment now);

}  // namespace khu
