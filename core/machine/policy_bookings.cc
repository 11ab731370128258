#include "core/machine/policy_bookings.h"

#include "core/machine/booking.h"
#include "core/policy/reserved.h"

namespace khu {
namespace {

std::optional<Fact> given_up(const State& state, Moment now) {
    for (const auto& [key, booked] : state.truth.booked) {
        if (booked.of_policy && !keeps(*state.truth.policy, booked.what) &&
            may_be_given_up(booked.what, now)) {
            return ReservationCancelled{.id = key, .charged = false, .by = state.truth.policy_by};
        }
    }
    return std::nullopt;
}

Reservation only(const Reservation& all, const Window& window) {
    Reservation one = all;
    one.window = window;
    one.every = Span{0};
    return one;
}

/// The first window of the reservation that is not booked, and could be by what is booked.
std::optional<Reservation> next_window(const State& state, const Reservation& what,
                                       const std::vector<Reservation>& firm, Moment now) {
    for (const Window& window : windows_of(what)) {
        if (window.from >= now && !state.truth.booked.contains(booked_key(what.id, window.from)) &&
            !in_the_way(*state.truth.policy, what, window, firm, now)) {
            return only(what, window);
        }
    }
    return std::nullopt;
}

Expected<Booked, Refusal> booking_of(const State& state, const Reservation& window, Moment now,
                                     NodesMust nodes) {
    Booked booked{.number = state.truth.next_job, .what = window};
    booked.enterprise = window.enterprise;
    booked.by = state.truth.policy_by;
    booked.of_policy = true;
    Expected<Done, Refusal> checked = fit_to_zone(state, booked);
    if (checked && nodes == NodesMust::BeFree) {
        checked = nodes_in_time(state, booked, now);
    }
    if (checked) {
        checked = charge_to_grants(state, booked, now);
    }
    if (!checked) {
        return Unexpected{std::move(checked).error()};
    }
    return booked;
}

/// Of each reservation the first window that is not booked, and what comes of trying it.
std::vector<std::pair<Reservation, Expected<Booked, Refusal>>> tried(const State& state, Moment now,
                                                                     NodesMust nodes) {
    std::vector<std::pair<Reservation, Expected<Booked, Refusal>>> all;
    const std::vector<Reservation> firm = firm_windows(state);
    for (const Reservation& each : state.truth.policy->calendar.reservations) {
        const auto window =
            each.enterprise.empty() ? std::nullopt : next_window(state, each, firm, now);
        if (window) {
            all.emplace_back(*window, booking_of(state, *window, now, nodes));
        }
    }
    return all;
}

}  // namespace

std::vector<Reservation> firm_windows(const State& state) {
    std::vector<Reservation> firm;
    for (const auto& [key, booked] : state.truth.booked) {
        if (booked.of_policy) {
            firm.push_back(booked.what);
        }
    }
    return firm;
}

std::optional<Fact> policy_booking_due(const State& state, Moment now, NodesMust nodes) {
    if (std::optional<Fact> gone = given_up(state, now)) {
        return gone;
    }
    for (auto& [window, booked] : tried(state, now, nodes)) {
        if (booked) {
            return ReservationBooked{*std::move(booked)};
        }
    }
    return std::nullopt;
}

std::vector<Unbooked> not_booked_yet(const State& state, Moment now, NodesMust nodes) {
    std::vector<Unbooked> all;
    if (state.truth.policy) {
        for (const auto& [window, booked] : tried(state, now, nodes)) {
            all.push_back({window, booked ? std::nullopt : std::optional(booked.error())});
        }
    }
    return all;
}

}  // namespace khu
