#include "core/machine/reserving.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/machine/apply.h"
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

ReservedWindow asked_for(const Policy& policy, const Reservation& reservation,
                         const Window& window) {
    return {.id = reservation.id,
            .window = window,
            .programme = reservation.programme,
            .partition = reservation.partition,
            .nodes = nodes_of(policy, reservation),
            .placed = {}};
}

/// The window as the policy in force has it; none if it has it no more, or it is over.
std::optional<ReservedWindow> as_in_force(const Policy& policy, const ReservedWindow& known,
                                          Moment now) {
    const Reservation* reservation = find_reservation(policy, known.id);
    if (reservation == nullptr || known.window.to <= now) {
        return std::nullopt;
    }
    for (const Window& window : windows_of(*reservation)) {
        if (window == known.window) {
            ReservedWindow asked = asked_for(policy, *reservation, window);
            if (asked.partition == known.partition && asked.nodes >= known.nodes) {
                asked.placed = known.placed;
            }
            return asked;
        }
    }
    return std::nullopt;
}

/// The windows that are due for nodes and have none yet, the earliest first.
std::vector<ReservedWindow> to_place(const State& state, Moment now) {
    const Policy& policy = *state.truth.policy;
    std::vector<ReservedWindow> due;
    for (const Reservation& each : policy.calendar.reservations) {
        for (const Window& window : windows_of(each)) {
            if (window.to > now && window.from - horizon(policy) <= now &&
                !state.truth.reserved.contains({each.id, window.from})) {
                due.push_back(asked_for(policy, each, window));
            }
        }
    }
    std::ranges::stable_sort(due, {}, [](const auto& each) { return each.window.from; });
    return due;
}

}  // namespace

std::vector<Fact> reservations_due(const State& state, Moment now) {
    if (!state.truth.policy) {
        return {};
    }
    for (const auto& [key, known] : state.truth.reserved) {
        std::optional<ReservedWindow> wanted = as_in_force(*state.truth.policy, known, now);
        if (!wanted) {
            return {ReservationEnded{.id = key.first, .from = key.second}};
        }
        ReservedWindow next = placed_now(state, std::move(*wanted), now);
        if (next != known) {
            return {ReservationPlaced{std::move(next)}};
        }
    }
    const std::vector<ReservedWindow> due = to_place(state, now);
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
    const Policy& policy = *state.truth.policy;
    for (const auto& [key, known] : state.truth.reserved) {
        next = std::min(next, known.open ? known.window.to : known.window.from);
    }
    for (const Reservation& each : policy.calendar.reservations) {
        for (const Window& window : windows_of(each)) {
            if (window.from - horizon(policy) > now) {
                next = std::min(next, window.from - horizon(policy));
            }
        }
    }
    return next;
}

namespace apply_detail {

void use_calendar(State& state) {
    std::vector<Booking> all;
    state.set_aside.clear();
    for (const auto& [key, each] : state.truth.reserved) {
        if (each.open) {
            state.set_aside.insert(each.placed.begin(), each.placed.end());
        }
        all.push_back({.name = each.id,
                       .from = each.window.from,
                       .to = each.window.to,
                       .nodes = each.placed});
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

}  // namespace apply_detail
}  // namespace khu
