#pragma once

/// \file
/// Reservations that the policy has for one enterprise. Every window of them is booked at the
/// moment at which the policy takes effect, as `khu reservation book` would: held whole on the
/// enterprise's grants of that programme, at the price of that moment. So check and diff can say
/// beforehand what it costs and who pays, and nothing is charged later that was not held then.
///
/// A later policy that does not have the window any more gives it up, if it takes effect
/// `cancel_until` before the window or earlier; later the window stays booked and is charged. One
/// that has it unchanged leaves it as it was booked, at its price.
///
/// What cannot be booked at that moment, though the check found that it could (the grant was used
/// in between, a node is down), is not set aside and costs nothing; it is tried again until it
/// begins.

#include <optional>
#include <string>
#include <vector>

#include "core/machine/events.h"
#include "core/machine/state.h"

namespace khu {

enum class NodesMust {
    BeFree,  ///< when the window begins; else it is not booked
    NotBe,   ///< it is only asked who pays
};

/// The first booking that is due under the policy in force: ReservationCancelled, or
/// ReservationBooked; none if all is as it should be, or cannot be yet.
std::optional<Fact> policy_booking_due(const State& state, Moment now, NodesMust nodes);

/// One window of the policy in force that is not booked and not begun.
struct Unbooked {
    Reservation what;
    std::optional<Refusal> why;  ///< what is in the way now; none: nothing, it is booked at once
};
/// Of each reservation the first of them; the ones after it wait for it.
std::vector<Unbooked> not_booked_yet(const State& state, Moment now,
                                     NodesMust nodes = NodesMust::BeFree);

/// Those of the policy's that are booked, one window each.
std::vector<Reservation> firm_windows(const State& state);

}  // namespace khu
