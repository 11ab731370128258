#include "core/machine/reservations.h"

#include <algorithm>

#include "core/base/nearest.h"
#include "core/machine/state.h"

namespace khu {

const Reservation* find_reservation(const Policy& policy, const std::string& id) {
    const auto found = std::ranges::find(policy.calendar.reservations, id, &Reservation::id);
    return found == policy.calendar.reservations.end() ? nullptr : &*found;
}

int nodes_of(const Policy& policy, const Reservation& reservation) {
    const Partition* partition = find_partition(policy, reservation.partition);
    const int each = partition == nullptr ? 1 : std::max(1, partition->gpus_per_node);
    return (reservation.gpus + each - 1) / each;
}

std::optional<Reason> outside_reservation(const State& state, const JobSpec& spec, Moment now) {
    const std::string& name = spec.where->reservation;
    if (name.empty()) {
        return std::nullopt;
    }
    const Reservation* found = find_reservation(*state.truth.policy, name);
    const std::vector<Window> windows =
        found == nullptr ? std::vector<Window>{} : windows_of(*found);
    for (const Window& window : windows) {
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

std::optional<Refusal> reservation_refused(const Policy& policy, const JobSpec& spec) {
    const std::string& name = spec.where->reservation;
    if (name.empty()) {
        return std::nullopt;
    }
    const Reservation* found = find_reservation(policy, name);
    if (found == nullptr) {
        std::vector<std::string_view> known;
        std::string all;
        for (const Reservation& each : policy.calendar.reservations) {
            known.push_back(each.id);
            all += (all.empty() ? "" : ", ") + each.id;
        }
        return Refusal(Code::UnknownName)
            .with("what", "reservation")
            .with("name", name)
            .with("known", all.empty() ? "none" : all)
            .with("nearest", std::string(nearest(name, known).value_or("-")));
    }
    const auto not_open = [&](const char* what, const std::string& asked, const std::string& open) {
        return Refusal(Code::NotOpen)
            .with("what", what)
            .with("name", asked)
            .with("enterprise", spec.enterprise.value)
            .with("programme", spec.programme.value)
            .with("open", open);
    };
    if (found->programme != spec.programme) {
        return not_open("reservation", name, "to " + found->programme.value.str());
    }
    if (found->partition != spec.partition) {
        return not_open("partition", spec.partition.value, found->partition.value);
    }
    if (found->qos != spec.qos) {
        return not_open("qos", spec.qos.value, found->qos.value);
    }
    const Span length = found->window.to - found->window.from;
    if (spec.time_limit > length) {
        return Refusal(Code::OverLimit)
            .with("what", "time limit")
            .with("asked", format_span(spec.time_limit))
            .with("where", "reservation " + name)
            .with("limit", format_span(length));
    }
    if (spec.nodes > nodes_of(policy, *found)) {
        return Refusal(Code::OverLimit)
            .with("what", "nodes")
            .with("asked", spec.nodes)
            .with("where", "reservation " + name)
            .with("limit", nodes_of(policy, *found));
    }
    return std::nullopt;
}

}  // namespace khu
