#include "core/machine/reservations.h"

#include <algorithm>

#include "core/base/nearest.h"
#include "core/machine/state.h"
#include "core/policy/reserved.h"

namespace khu {

std::vector<KnownReservation> known_reservations(const State& state) {
    std::vector<KnownReservation> all;
    if (!state.truth.policy) {
        return all;
    }
    for (const Reservation& each : state.truth.policy->calendar.reservations) {
        if (each.enterprise.empty()) {
            all.push_back({.what = each,
                           .enterprise = {},
                           .nodes = nodes_of(*state.truth.policy, each),
                           .booked = {}});
        }
    }
    for (const auto& [key, booked] : state.truth.booked) {
        if (!booked.cancelled) {
            all.push_back({.what = booked.what,
                           .enterprise = booked.enterprise,
                           .nodes = booked.nodes,
                           .booked = key});
        }
    }
    return all;
}

std::optional<KnownReservation> find_reservation(const State& state, const std::string& id) {
    for (KnownReservation& each : known_reservations(state)) {
        if (each.what.id == id) {
            return std::move(each);
        }
    }
    return std::nullopt;
}

std::string booked_key(const std::string& name, Moment from) {
    return name + "@" + std::to_string(from.value);
}

std::string booked_key(const Booked& booked) {
    return booked.of_policy ? booked_key(booked.what.id, booked.what.window.from) : booked.what.id;
}

namespace {

/// Calls `each` with the bookings of that name, the earliest first, until it is true.
template <class Each>
void find_booked(const State& state, const std::string& name, Each each) {
    const auto own = state.truth.booked.find(name);
    if (own != state.truth.booked.end() && each(own->second)) {
        return;
    }
    const std::string of_policy = name + "@";
    for (auto at = state.truth.booked.lower_bound(of_policy);
         at != state.truth.booked.end() && at->first.starts_with(of_policy); ++at) {
        if (each(at->second)) {
            return;
        }
    }
}

}  // namespace

const Booked* booked_for(const State& state, const std::string& name,
                         const EnterpriseId& enterprise, Moment at) {
    const Booked* found = nullptr;
    if (!name.empty()) {
        find_booked(state, name, [&](const Booked& each) {
            const bool its = each.enterprise == enterprise && each.what.window.to > at;
            found = its ? &each : nullptr;
            return its;
        });
    }
    return found;
}

EnterpriseId owner_of(const State& state, const std::string& name) {
    EnterpriseId owner;
    find_booked(state, name, [&](const Booked& each) {
        owner = each.enterprise;
        return true;
    });
    return owner;
}

namespace {

/// The windows of that name in which jobs of the enterprise may run.
std::vector<Window> windows_for(const State& state, const std::string& name,
                                const EnterpriseId& enterprise) {
    std::vector<Window> windows;
    for (const KnownReservation& each : known_reservations(state)) {
        if (each.what.id == name && (each.enterprise.empty() || each.enterprise == enterprise)) {
            const std::vector<Window> more = windows_of(each.what);
            windows.insert(windows.end(), more.begin(), more.end());
        }
    }
    return windows;
}

}  // namespace

std::optional<Reason> outside_reservation(const State& state, const JobSpec& spec, Moment now) {
    const std::string& name = spec.where->reservation;
    if (name.empty()) {
        return std::nullopt;
    }
    for (const Window& window : windows_for(state, name, spec.enterprise)) {
        const Moment begins = std::max(now, window.from);
        if (begins + spec.time_limit > window.to) {
            continue;
        }
        return window.from <= now ? std::nullopt
                                  : std::optional<Reason>(Reason(Code::ReservationNotOpen)
                                                              .with("reservation", name)
                                                              .with("opens_at", window.from.value)
                                                              .with("to_at", window.to.value));
    }
    return Reason(Code::ReservationOver).with("reservation", name);
}

std::optional<Refusal> reservation_refused(const State& state, const JobSpec& spec) {
    const std::string& name = spec.where->reservation;
    if (name.empty()) {
        return std::nullopt;
    }
    const std::optional<KnownReservation> found = find_reservation(state, name);
    if (!found) {
        return unknown_reservation(state, name);
    }
    // One that an enterprise booked is no rule of the policy.
    const auto by_policy = [&](Refusal why) {
        return found->booked.empty() ? std::move(why).limited_by("calendar.reservations." + name)
                                     : std::move(why);
    };
    const auto not_open = [&](const char* what, const std::string& asked, const std::string& open) {
        return by_policy(Refusal(Code::NotOpen)
                             .with("what", what)
                             .with("name", asked)
                             .with("enterprise", spec.enterprise.value)
                             .with("programme", spec.programme.value)
                             .with("open", open));
    };
    const auto over = [&](const char* what, auto asked, auto limit) {
        return by_policy(Refusal(Code::OverLimit)
                             .with("what", what)
                             .with("asked", asked)
                             .with("where", "reservation " + name)
                             .with("limit", limit));
    };
    const Reservation& what = found->what;
    if (!found->enterprise.empty() && found->enterprise != spec.enterprise) {
        return not_open("reservation", name, "to who booked it");
    }
    if (what.programme != spec.programme) {
        return not_open("reservation", name, "to " + what.programme.value.str());
    }
    if (what.partition != spec.partition) {
        return not_open("partition", spec.partition.value, what.partition.value);
    }
    if (what.qos != spec.qos) {
        return not_open("qos", spec.qos.value, what.qos.value);
    }
    const Span length = what.window.to - what.window.from;
    if (spec.time_limit > length) {
        return over("time limit", format_span(spec.time_limit), format_span(length));
    }
    if (spec.nodes > found->nodes) {
        return over("nodes", spec.nodes, found->nodes);
    }
    return std::nullopt;
}

Refusal unknown_reservation(const State& state, const std::string& name) {
    const std::vector<KnownReservation> all = known_reservations(state);
    std::vector<std::string_view> known;
    std::string names;
    for (const KnownReservation& each : all) {
        known.push_back(each.what.id);
        names += (names.empty() ? "" : ", ") + each.what.id;
    }
    return Refusal(Code::UnknownName)
        .with("what", "reservation")
        .with("name", name)
        .with("known", names.empty() ? "none" : names)
        .with("nearest", std::string(nearest(name, known).value_or("-")));
}

}  // namespace khu
