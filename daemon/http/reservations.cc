/// The calendar: the policy's reservations, and those that enterprises book.

#include <algorithm>

#include "core/machine/citing.h"
#include "core/machine/policy_bookings.h"
#include "core/machine/reservations.h"
#include "core/policy/reserved.h"
#include "daemon/http/call.h"
#include "daemon/http/problem.h"
#include "wire/api_calendar.h"

namespace khu::daemon {
namespace {

struct Reader {
    Identity who;
    Language language;
};

Reader reader_of(const Call& call) {
    return {call->caller.who, call->language};
}

wire::ReservationView view_of(const State& state, const KnownReservation& known,
                              const Window& window, Moment now) {
    const Reservation& what = known.what;
    wire::ReservationView view{.reservation = what.id,
                               .enterprise = known.enterprise.value,
                               .number = {},
                               .programme = what.programme,
                               .partition = what.partition,
                               .qos = what.qos,
                               .gpus = what.gpus,
                               .nodes_wanted = known.nodes,
                               .from_at = window.from,
                               .to_at = window.to,
                               .state = "planned",
                               .nodes = {},
                               .held_ugs = {},
                               .free_until = std::nullopt,
                               .of_policy = false,
                               .why = std::nullopt,
                               .resources = {}};
    const auto placed = state.truth.reserved.find({what.id, window.from});
    if (placed != state.truth.reserved.end()) {
        view.state = window.contains(now) ? "open" : "placed";
        for (const NodeId node : placed->second.placed) {
            view.nodes.push_back(state.truth.nodes.at(node).name);
        }
    }
    return view;
}

/// Who booked it, and what it costs, is for those who may read that enterprise's books.
void add_books(const State& state, const Identity& who, const KnownReservation& known,
               wire::ReservationView& view) {
    const auto booked = state.truth.booked.find(known.booked);
    if (booked == state.truth.booked.end()) {
        return;
    }
    if (!who.may_read(booked->second.enterprise)) {
        view.reservation = view.enterprise = "-";
        view.programme = {};
        view.qos = {};
        return;
    }
    view.number = booked->second.number;
    view.held_ugs = state.truth.ledger.held(key_of(booked->second));
    view.of_policy = booked->second.of_policy;
    view.free_until =
        wire::Timestamp{booked->second.what.window.from - booked->second.what.cancel_until};
}

/// What the policy has for one enterprise and could not book, for those who may read its books.
void add_not_booked(const State& state, const Reader& reader, Moment now, const std::string& only,
                    wire::ReservationPage& page) {
    for (const Unbooked& each : not_booked_yet(state, now)) {
        const Reservation& what = each.what;
        if (!reader.who.may_read(what.enterprise) || (!only.empty() && only != what.id)) {
            continue;
        }
        const KnownReservation known{.what = what,
                                     .enterprise = what.enterprise,
                                     .nodes = nodes_of(*state.truth.policy, what),
                                     .booked = {}};
        wire::ReservationView view = view_of(state, known, what.window, now);
        view.state = "not_booked";
        view.of_policy = true;
        if (each.why) {
            view.why = explained(cited(state, *each.why), reader.language);
        }
        page.reservations.push_back(std::move(view));
    }
}

/// Those of counted resources; who booked them is for those who may read that enterprise's books.
void add_counted(const State& state, const Reader& reader, Moment now, const std::string& only,
                 wire::ReservationPage& page) {
    for (const auto& [id, booking] : state.truth.counted_booked) {
        if (booking.window.to <= now || (!only.empty() && only != id)) {
            continue;
        }
        const bool shown = reader.who.may_read(booking.enterprise);
        wire::ReservationView view;
        view.reservation = shown ? id : "-";
        view.enterprise = shown ? booking.enterprise.value.str() : "-";
        view.from_at = booking.window.from;
        view.to_at = booking.window.to;
        view.state = booking.window.contains(now) ? "open" : "planned";
        view.resources = booking.what;
        page.reservations.push_back(std::move(view));
    }
}

wire::ReservationPage page_of(const State& state, const Reader& reader, Moment now,
                              const std::string& only) {
    wire::ReservationPage page;
    for (const KnownReservation& each : known_reservations(state)) {
        for (const Window& window : windows_of(each.what)) {
            if (window.to > now && (only.empty() || only == each.what.id)) {
                page.reservations.push_back(view_of(state, each, window, now));
                add_books(state, reader.who, each, page.reservations.back());
            }
        }
    }
    add_not_booked(state, reader, now, only, page);
    add_counted(state, reader, now, only, page);
    std::ranges::stable_sort(page.reservations, {}, &wire::ReservationView::from_at);
    return page;
}

void tell_and_list(const Call& call, Command command, const std::string& id) {
    call->services.engine.tell(std::move(command), [call, id](const Answer& told) {
        if (told.refusal) {
            refuse(call, *told.refusal);
            return;
        }
        answer_from_state(call, [reader = reader_of(call), id](State& state, Moment now) {
            return page_of(state, reader, now, id);
        });
    });
}

/// Counted resources and no nodes.
void book_counted(const Call& call, const wire::ReservationAsk& ask) {
    if (ask.gpus != 0 || !ask.programme.empty() || !ask.partition.empty() || !ask.qos.empty()) {
        refuse(call,
               Refusal(Code::BadField)
                   .with("field", "resources")
                   .with("why", "they are booked by themselves, nodes in another reservation"));
        return;
    }
    tell_and_list(call,
                  BookCounted{.who = call->caller.who,
                              .what = {.id = ask.reservation,
                                       .enterprise = EnterpriseId{ask.enterprise},
                                       .what = ask.resources,
                                       .window = {.from = ask.from_at, .to = ask.to_at},
                                       .by = {}}},
                  ask.reservation);
}

}  // namespace

void list_reservations(const Call& call) {
    answer_from_state(call, [reader = reader_of(call)](State& state, Moment now) {
        return page_of(state, reader, now, {});
    });
}

void book_reservation(const Call& call) {
    const auto ask = body_of<wire::ReservationAsk>(call);
    if (!ask) {
        return;
    }
    if (!ask->resources.empty()) {
        book_counted(call, *ask);
        return;
    }
    if (ask->gpus < 1 || ask->gpus > std::int64_t{limits::nodes_max} * limits::gpus_per_node_max) {
        refuse(call, Refusal(Code::BadField).with("field", "gpus").with("why", "at least one"));
        return;
    }
    Reservation what{.id = ask->reservation,
                     .programme = ProgrammeId{ask->programme},
                     .partition = PartitionId{ask->partition},
                     .gpus = static_cast<int>(ask->gpus),
                     .qos = QosId{ask->qos},
                     .window = {.from = ask->from_at, .to = ask->to_at}};
    tell_and_list(call,
                  BookReservation{.who = call->caller.who,
                                  .enterprise = EnterpriseId{ask->enterprise},
                                  .what = std::move(what)},
                  ask->reservation);
}

void cancel_reservation(const Call& call) {
    const std::string& id = call->parts.at(0);
    tell_and_list(call, CancelReservation{.who = call->caller.who, .id = id}, id);
}

}  // namespace khu::daemon
