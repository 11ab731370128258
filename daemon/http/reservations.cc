/// The calendar.

#include <algorithm>

#include "core/machine/reservations.h"
#include "daemon/http/call.h"
#include "wire/api_calendar.h"

namespace khu::daemon {
namespace {

wire::ReservationView view_of(const State& state, const Reservation& reservation,
                              const Window& window, Moment now) {
    wire::ReservationView view{.reservation = reservation.id,
                               .programme = reservation.programme,
                               .partition = reservation.partition,
                               .qos = reservation.qos,
                               .gpus = reservation.gpus,
                               .nodes_wanted = nodes_of(*state.truth.policy, reservation),
                               .from_at = window.from,
                               .to_at = window.to,
                               .state = "planned",
                               .nodes = {}};
    const auto placed = state.truth.reserved.find({reservation.id, window.from});
    if (placed != state.truth.reserved.end()) {
        view.state = window.contains(now) ? "open" : "placed";
        for (const NodeId node : placed->second.placed) {
            view.nodes.push_back(state.truth.nodes.at(node).name);
        }
    }
    return view;
}

}  // namespace

void list_reservations(const Call& call) {
    answer_from_state(call, [](State& state, Moment now) {
        wire::ReservationPage page;
        if (!state.truth.policy) {
            return page;
        }
        for (const Reservation& each : state.truth.policy->calendar.reservations) {
            for (const Window& window : windows_of(each)) {
                if (window.to > now) {
                    page.reservations.push_back(view_of(state, each, window, now));
                }
            }
        }
        std::ranges::stable_sort(page.reservations, {}, &wire::ReservationView::from_at);
        return page;
    });
}

}  // namespace khu::daemon
