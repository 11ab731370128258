#include "core/machine/reserving.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/base/limits.h"
#include "core/machine/apply.h"
#include "core/machine/policy_bookings.h"
#include "core/machine/settle_booked.h"
#include "core/placement/candidates.h"

namespace khu {
namespace {

/// Before that nobody who starts can reach into a window.
Span horizon(const Policy& policy) {
    Span longest;
    for (const Partition& each : policy.partitions) {
        longest = std::max(longest, each.time_limit.max);
    }
    return longest;
}

bool usable(const State& state, const PartitionId& partition, NodeId node) {
    const auto& members = state.scheduler.cluster().members(partition);
    const auto member = members.find(node);
    return member != members.end() && member->second->health == NodeHealth::Up;
}

/// When every attempt has given back what it has on the node; 0 where there is none.
std::map<NodeId, Moment> free_from(const State& state) {
    std::map<NodeId, Moment> free;
    for (const auto& [key, attempt] : state.scheduler.running().by_deadline()) {
        for (const NodeAllocation& each : attempt.nodes) {
            free[each.node] = std::max(free[each.node], attempt.deadline);
        }
    }
    return free;
}

std::set<NodeId> taken_by_others(const State& state, const ReservedWindow& asked) {
    std::set<NodeId> taken;
    for (const auto& [key, other] : state.truth.reserved) {
        const bool meets =
            other.window.from < asked.window.to && asked.window.from < other.window.to;
        if (meets && key != ReservedKey{asked.id, asked.window.from}) {
            taken.insert(other.placed.begin(), other.placed.end());
        }
    }
    return taken;
}

/// `missing` of the nodes on which the window can begin, the soonest free first, and together in
/// the zone tree where there are more than enough.
std::vector<NodeId> choose(const State& state, const ReservedWindow& asked, int missing,
                           Moment now) {
    const Cluster& cluster = state.scheduler.cluster();
    const std::set<NodeId> taken = taken_by_others(state, asked);
    const std::map<NodeId, Moment> free = free_from(state);
    const Moment begins = std::max(asked.window.from, now);
    std::vector<std::pair<Moment, const ClusterNode*>> found;
    for (const auto& [id, node] : cluster.members(asked.partition)) {
        if (usable(state, asked.partition, id) && !taken.contains(id) &&
            std::ranges::find(asked.placed, id) == asked.placed.end()) {
            const auto busy = free.find(id);
            found.emplace_back(busy == free.end() ? begins : std::max(begins, busy->second), node);
        }
    }
    std::ranges::stable_sort(found, {}, [](const auto& each) { return each.first; });
    const std::size_t wanted = std::min(found.size(), static_cast<std::size_t>(missing));
    NodeList candidates;
    for (const auto& [at, node] : found) {
        if (wanted > 0 && at <= found[wanted - 1].first) {
            candidates.push_back(node);
        }
    }
    std::vector<NodeId> chosen;
    if (wanted > 0) {
        const GangRequest gang{.partition = asked.partition, .nodes = static_cast<int>(wanted)};
        const std::optional<NodeList> nodes = choose_gang(candidates, gang);
        KHU_CHECK(nodes.has_value(), "{} of {} nodes", wanted, candidates.size());
        for (const ClusterNode* node : *nodes) {
            chosen.push_back(node->id);
        }
    }
    return chosen;
}

/// With the nodes that it should have now.
ReservedWindow placed_now(const State& state, ReservedWindow window, Moment now) {
    std::vector<NodeId> lost;
    std::erase_if(window.placed, [&](NodeId node) {
        if (usable(state, window.partition, node)) {
            return false;
        }
        lost.push_back(node);
        return true;
    });
    const auto missing = [&] { return window.nodes - static_cast<int>(window.placed.size()); };
    if (missing() > 0) {
        const std::vector<NodeId> more = choose(state, window, missing(), now);
        window.placed.insert(window.placed.end(), more.begin(), more.end());
    }
    for (const NodeId node : lost) {
        const auto& members = state.scheduler.cluster().members(window.partition);
        if (missing() > 0 && members.contains(node)) {
            window.placed.push_back(node);
        }
    }
    std::ranges::sort(window.placed);
    window.open = window.window.from <= now;
    return window;
}

ReservedWindow asked_for(const KnownReservation& known, const Window& window) {
    return {.id = known.what.id,
            .window = window,
            .programme = known.what.programme,
            .partition = known.what.partition,
            .nodes = known.nodes,
            .placed = {}};
}

/// The window as it is wanted now; none if it is not any more, or it is over.
std::optional<ReservedWindow> as_wanted(const std::vector<KnownReservation>& all,
                                        const ReservedWindow& known, Moment now) {
    for (const KnownReservation& each : all) {
        if (each.what.id != known.id || known.window.to <= now) {
            continue;
        }
        const std::vector<Window> windows = windows_of(each.what);
        if (std::ranges::find(windows, known.window) != windows.end()) {
            ReservedWindow asked = asked_for(each, known.window);
            if (asked.partition == known.partition && asked.nodes >= known.nodes) {
                asked.placed = known.placed;
            }
            return asked;
        }
    }
    return std::nullopt;
}

Booking booking(const ReservedWindow& window) {
    return {.name = window.id,
            .from = window.window.from,
            .to = window.window.to,
            .nodes = window.placed};
}

/// The windows that begin by `until` and have no nodes yet, the earliest first.
std::vector<ReservedWindow> to_place(const State& state, const std::vector<KnownReservation>& all,
                                     Moment until, Moment now) {
    std::vector<ReservedWindow> due;
    for (const KnownReservation& each : all) {
        for (const Window& window : windows_of(each.what)) {
            if (window.to > now && window.from <= until &&
                !state.truth.reserved.contains({each.what.id, window.from})) {
                due.push_back(asked_for(each, window));
            }
        }
    }
    std::ranges::stable_sort(due, {}, [](const auto& each) { return each.window.from; });
    return due;
}

/// A booked one is settled when its window is over and its jobs have left.
std::optional<std::string> to_settle(const State& state, Moment now) {
    for (const auto& [id, booked] : state.truth.booked) {
        const auto inside = [&](const auto& books) {
            const Job& job = state.truth.jobs.at(books.first);
            return job.spec.where->reservation == booked.what.id &&
                   job.spec.enterprise == booked.enterprise &&
                   live_attempt(job)->taken_at < booked.what.window.to;
        };
        if (booked.what.window.to <= now && std::ranges::none_of(state.truth.books, inside)) {
            return id;
        }
    }
    return std::nullopt;
}

}  // namespace

std::vector<Fact> reservations_due(const State& state, Moment now) {
    if (!state.truth.policy) {
        return {};
    }
    const std::vector<KnownReservation> all = known_reservations(state);
    for (const auto& [key, known] : state.truth.reserved) {
        std::optional<ReservedWindow> wanted = as_wanted(all, known, now);
        if (!wanted) {
            return {ReservationEnded{.id = key.first, .from = key.second}};
        }
        ReservedWindow next = placed_now(state, std::move(*wanted), now);
        if (next != known) {
            return {ReservationPlaced{std::move(next)}};
        }
    }
    if (std::optional<Fact> booking = policy_booking_due(state, now, NodesMust::BeFree)) {
        return {std::move(*booking)};
    }
    if (std::optional<std::string> over = to_settle(state, now)) {
        return {ReservationSettled{std::move(*over)}};
    }
    const std::vector<ReservedWindow> due =
        to_place(state, all, now + horizon(*state.truth.policy), now);
    if (due.empty()) {
        return {};
    }
    return {ReservationPlaced{placed_now(state, due.front(), now)}};
}

Moment next_reservation_event(const State& state, Moment now) {
    Moment next = kNever;
    if (!state.truth.policy) {
        return next;
    }
    for (const auto& [key, known] : state.truth.reserved) {
        next = std::min(next, known.open ? known.window.to : known.window.from);
    }
    const auto also = [&](Moment at) { next = at > now ? std::min(next, at) : next; };
    for (const auto& [id, booked] : state.truth.booked) {
        also(booked.what.window.to);
    }
    for (const KnownReservation& each : known_reservations(state)) {
        for (const Window& window : windows_of(each.what)) {
            also(window.from - horizon(*state.truth.policy));
        }
    }
    if (!not_booked_yet(state, now).empty()) {
        also(now + limits::booking_retry);
    }
    return next;
}

std::vector<Booking> foreseen_windows(const State& state, Moment now) {
    std::vector<Booking> all;
    for (const auto& [key, each] : state.truth.reserved) {
        all.push_back(booking(each));
    }
    std::vector<ReservedWindow> later = to_place(state, known_reservations(state), kNever, now);
    later.resize(std::min(later.size(), static_cast<std::size_t>(limits::forecast_windows_max)));
    for (ReservedWindow& each : later) {
        all.push_back(booking(placed_now(state, std::move(each), now)));
    }
    return all;
}

int free_in_time(const State& state, const ReservedWindow& window, Moment now) {
    const std::set<NodeId> taken = taken_by_others(state, window);
    const std::map<NodeId, Moment> free = free_from(state);
    int count = 0;
    for (const auto& [id, node] : state.scheduler.cluster().members(window.partition)) {
        const auto busy = free.find(id);
        const bool in_time =
            busy == free.end() || busy->second <= std::max(window.window.from, now);
        count += usable(state, window.partition, id) && !taken.contains(id) && in_time ? 1 : 0;
    }
    return count;
}

namespace apply_detail {

void use_calendar(State& state) {
    std::vector<Booking> all;
    state.set_aside.clear();
    for (const auto& [key, each] : state.truth.reserved) {
        if (each.open) {
            state.set_aside.insert(each.placed.begin(), each.placed.end());
        }
        all.push_back(booking(each));
    }
    state.scheduler.booked(std::move(all));
}

namespace {

/// The calendar has changed; what it sets aside counts from now on.
void turn(State& state, Moment at, const std::vector<NodeId>& before,
          const std::vector<NodeId>& after) {
    state.truth.capacity.advance(at);
    use_calendar(state);
    for (const std::vector<NodeId>* nodes : {&before, &after}) {
        for (const NodeId node : *nodes) {
            rate_node(state, state.truth.nodes.at(node));
        }
    }
    count_missing(state, at);
}

}  // namespace

Effects on(State& state, const ReservationPlaced& fact, Moment at) {
    const ReservedWindow& window = fact.window;
    ReservedWindow& known = state.truth.reserved[{window.id, window.window.from}];
    const ReservedWindow before = std::exchange(known, window);
    turn(state, at, before.placed, window.placed);
    return {};
}

Effects on(State& state, const ReservationEnded& fact, Moment at) {
    const auto gone = state.truth.reserved.extract({fact.id, fact.from});
    KHU_CHECK(!gone.empty(), "{}", fact.id);
    turn(state, at, gone.mapped().placed, {});
    return {};
}

Effects on(State& state, const ReservationBooked& fact, Moment at) {
    const Booked& booked = fact.booked;
    KHU_CHECK(booked.number == state.truth.next_job, "{}", booked.number.value);
    state.truth.next_job = JobId{booked.number.value + 1};
    Booked& known = state.truth.booked.emplace(booked_key(booked), booked).first->second;
    known.booked_at = known.missing_since = at;
    state.reservation_due_at = Moment{0};
    state.scheduler.admission_changed(booked.enterprise);
    return {PostEntries{
        state.truth.ledger.hold(key_of(booked), booked.hold, at, state.truth.policy->id)}};
}

Effects on(State& state, const ReservationCancelled& fact, Moment at) {
    state.reservation_due_at = Moment{0};
    Booked& booked = state.truth.booked.at(fact.id);
    if (fact.charged) {
        booked.cancelled = true;
        return {};
    }
    const Ledger::Entries entries =
        state.truth.ledger.void_hold(key_of(booked), at, state.truth.policy->id);
    state.truth.booked.erase(fact.id);
    state.scheduler.admission_changed();
    return {PostEntries{entries}};
}

Effects on(State& state, const ReservationSettled& fact, Moment at) {
    Effects effects = settle_booked(state, fact.id, at);
    state.scheduler.admission_changed();
    return effects;
}

}  // namespace apply_detail
}  // namespace khu
