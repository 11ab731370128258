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

/// A window of the policy's that is booked has its key instead of its name.
bool is_of_policy(const State& state, const std::string& id) {
    const auto found = state.truth.booked.find(id);
    return found == state.truth.booked.end()
               ? state.truth.policy && find_in_calendar(*state.truth.policy, id) != nullptr
               : found->second.of_policy;
}

bool is_name(const std::string& id) {
    return !id.empty() && id.size() <= 40 && std::ranges::all_of(id, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

Checked sane(const State& state, const Reservation& what, Moment now) {
    if (!is_name(what.id)) {
        return bad_reservation("reservation", "a name is 1 to 40 of a-z, 0-9 and -");
    }
    if (is_of_policy(state, what.id) || find_reservation(state, what.id) ||
        state.truth.booked.contains(what.id)) {
        return Unexpected{Refusal(Code::ReservationExists).with("reservation", what.id)};
    }
    if (what.window.from < now || what.window.to <= what.window.from) {
        return bad_reservation("from_at", "a window begins now or later, and ends after it begins");
    }
    if (what.window.to - what.window.from > limits::reservation_length_max ||
        what.window.from > now + limits::reservation_ahead_max) {
        return bad_reservation("to_at",
                               "a window is at most 31 days long, and begins within 400 days");
    }
    if (static_cast<std::int64_t>(state.truth.booked.size()) >= limits::reservations_booked_max) {
        return bad_reservation("reservation", "too many are booked");
    }
    return Done{};
}

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
    if (Checked right = sane(state, booked.what, now); !right) {
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
