/// Commands about reservations that an enterprise books.

#include <algorithm>

#include "core/base/limits.h"
#include "core/machine/booking.h"
#include "core/machine/decide.h"
#include "core/policy/reserved.h"
#include "core/policy/review.h"

namespace khu::decide_detail {
namespace {

using Checked = Expected<Done, Refusal>;

/// P070, of the calendar with this one in it.
Checked fits_calendar(const State& state, const Reservation& what, Moment now) {
    ReviewContext context = review_context(state, now);
    context.booked.push_back(what);
    for (const Complaint& each : review_calendar(*state.truth.policy, context)) {
        if (each.path.starts_with("calendar.reservations." + what.id)) {
            return bad_reservation("reservation", each.code + " " + each.text_en);
        }
    }
    return Done{};
}

}  // namespace

/// Errors: N403, A101, A102, A133, A146, H422 (with P070 where the calendar has no room), and those
/// of a hold that cannot be made: A105, A107, A110 to A115, A119.
Decided on(State& state, const BookReservation& command, Moment now) {
    Booked booked{.number = state.truth.next_job, .what = command.what};
    booked.enterprise = command.enterprise.empty() ? command.who.enterprise : command.enterprise;
    booked.by = command.who.user;
    if (auto allowed = need_holder(state, command.who, booked.enterprise, "reservation book");
        !allowed) {
        return Unexpected{std::move(allowed).error()};
    }
    if (Checked right = may_be_booked(state, booked.what.id, booked.what.window, now); !right) {
        return Unexpected{std::move(right).error()};
    }
    if (Checked fits = fit_to_zone(state, booked); !fits) {
        return Unexpected{std::move(fits).error()};
    }
    for (const Checked& checked :
         {fits_calendar(state, booked.what, now), nodes_in_time(state, booked, now),
          charge_to_grants(state, booked, now)}) {
        if (!checked) {
            return Unexpected{checked.error()};
        }
    }
    const JobId number = booked.number;
    return Decision{.facts = {ReservationBooked{std::move(booked)}}, .job = number};
}

/// Errors: A133 (reservation), A147 once it has begun, H422 of the policy's, N403.
Decided on(State& state, const CancelReservation& command, Moment now) {
    if (state.truth.counted_booked.contains(command.id)) {
        return free_counted(state, command);
    }
    if (is_of_policy(state, command.id)) {
        return bad_reservation("reservation",
                               "it is the policy's; a policy without it, in force "
                               "early enough, gives it up");
    }
    const auto found = state.truth.booked.find(command.id);
    if (found == state.truth.booked.end() || found->second.cancelled) {
        return Unexpected{unknown_reservation(state, command.id)};
    }
    const Booked& booked = found->second;
    if (auto allowed = need_holder(state, command.who, booked.enterprise, "reservation cancel");
        !allowed) {
        return Unexpected{std::move(allowed).error()};
    }
    if (booked.what.window.from <= now) {
        return Unexpected{Refusal(Code::ReservationBegun)
                              .with("reservation", command.id)
                              .with("from_at", booked.what.window.from.value)};
    }
    return Decision{.facts = {ReservationCancelled{
                        .id = command.id,
                        .charged = now > booked.what.window.from - booked.what.cancel_until,
                        .by = command.who.user}},
                    .job = booked.number};
}

}  // namespace khu::decide_detail
