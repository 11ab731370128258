#include "core/policy/reserved.h"

#include <algorithm>

#include "core/base/limits.h"

namespace khu {

int nodes_of(const Policy& policy, const Reservation& reservation) {
    const Partition* partition = find_partition(policy, reservation.partition);
    const int each = partition == nullptr ? 1 : std::max(1, partition->gpus_per_node);
    return (reservation.gpus + each - 1) / each;
}

const Reservation* find_in_calendar(const Policy& policy, const std::string& id) {
    const auto& all = policy.calendar.reservations;
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const Reservation& each) { return each.id == id; });
    return found == all.end() ? nullptr : &*found;
}

bool has_window(const Reservation& reservation, const Window& window) {
    const Window& first = reservation.window;
    if (window == first || reservation.every <= Span{0}) {
        return window == first;
    }
    const Span ahead = window.from - first.from;
    return ahead > Span{0} && ahead.value % reservation.every.value == 0 &&
           ahead.value / reservation.every.value <= limits::reservation_windows_max &&
           window.from < reservation.until && window.to - window.from == first.to - first.from;
}

bool keeps(const Policy& policy, const Reservation& booked) {
    const Reservation* wanted = find_in_calendar(policy, booked.id);
    if (wanted == nullptr || wanted->enterprise != booked.enterprise ||
        wanted->programme != booked.programme || wanted->partition != booked.partition ||
        wanted->qos != booked.qos || nodes_of(policy, *wanted) != nodes_of(policy, booked)) {
        return false;
    }
    return has_window(*wanted, booked.window);
}

bool may_be_given_up(const Reservation& booked, Moment at) {
    return at <= booked.window.from - booked.cancel_until;
}

std::optional<Reservation> in_the_way(const Policy& policy, const Reservation& asked,
                                      const Window& window, const std::vector<Reservation>& booked,
                                      Moment at) {
    const auto found = std::find_if(booked.begin(), booked.end(), [&](const Reservation& each) {
        return each.id == asked.id && each.window.from < window.to &&
               window.from < each.window.to && !keeps(policy, each) && !may_be_given_up(each, at);
    });
    return found == booked.end() ? std::nullopt : std::optional(*found);
}

}  // namespace khu
