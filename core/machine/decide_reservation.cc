/// Commands about reservations that an enterprise books.

#include <algorithm>

#include "core/base/limits.h"
#include "core/machine/admission.h"
#include "core/machine/decide.h"
#include "core/machine/money.h"
#include "core/machine/reserving.h"
#include "core/policy/review.h"

namespace khu::decide_detail {
namespace {

using Checked = Expected<Done, Refusal>;

Unexpected<Refusal> bad_field(const std::string& field, std::string why) {
    return Unexpected{Refusal(Code::BadField).with("field", field).with("why", std::move(why))};
}

bool is_name(const std::string& id) {
    return !id.empty() && id.size() <= 40 && std::ranges::all_of(id, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

/// A job with all the nodes for all the window: what it may not ask for, nobody may book.
JobSpec as_job(const Booked& booked) {
    JobSpec spec;
    spec.enterprise = booked.enterprise;
    spec.programme = booked.what.programme;
    spec.partition = booked.what.partition;
    spec.qos = booked.what.qos;
    spec.nodes = booked.nodes;
    spec.time_limit = booked.what.window.to - booked.what.window.from;
    return spec;
}

Checked sane(const State& state, const Reservation& what, Moment now) {
    if (!is_name(what.id)) {
        return bad_field("reservation", "a name is 1 to 40 of a-z, 0-9 and -");
    }
    if (find_reservation(state, what.id) || state.truth.booked.contains(what.id)) {
        return Unexpected{Refusal(Code::ReservationExists).with("reservation", what.id)};
    }
    if (what.window.from < now || what.window.to <= what.window.from) {
        return bad_field("from_at", "a window begins now or later, and ends after it begins");
    }
    if (what.window.to - what.window.from > limits::reservation_length_max ||
        what.window.from > now + limits::reservation_ahead_max) {
        return bad_field("to_at", "a window is at most 31 days long, and begins within 400 days");
    }
    if (static_cast<std::int64_t>(state.truth.booked.size()) >= limits::reservations_booked_max) {
        return bad_field("reservation", "too many are booked");
    }
    return Done{};
}

/// What the programme and the QOS allow. What costs nothing is not set aside.
Checked inside_limits(const State& state, const Booked& booked) {
    const Programme& programme = *find_programme(*state.truth.policy, booked.what.programme);
    const Qos& qos = *find_qos(*state.truth.policy, booked.what.qos);
    if (qos.factor_permille == 0) {
        return bad_field("qos", "a reservation is charged, and this QOS is free");
    }
    const int limit = programme.limits.max_gpus_running;
    if (limit > 0 && booked.what.gpus > limit) {
        return Unexpected{Refusal(Code::OverLimit)
                              .with("what", "GPUs of the reservation")
                              .with("asked", booked.what.gpus)
                              .with("where", "programme " + programme.id.value)
                              .with("limit", limit)};
    }
    return Done{};
}

/// P070, of the calendar with this one in it.
Checked fits_calendar(const State& state, const Reservation& what, Moment now) {
    ReviewContext context = review_context(state, now);
    context.booked.push_back(what);
    for (const Complaint& each : review_calendar(*state.truth.policy, context)) {
        if (each.path.starts_with("calendar.reservations." + what.id)) {
            return bad_field("reservation", each.code + " " + each.text_en);
        }
    }
    return Done{};
}

Checked nodes_in_time(const State& state, const Booked& booked, Moment now) {
    const ReservedWindow window{.id = booked.what.id,
                                .window = booked.what.window,
                                .programme = booked.what.programme,
                                .partition = booked.what.partition,
                                .nodes = booked.nodes,
                                .placed = {}};
    const int there = free_in_time(state, window, now);
    if (there >= booked.nodes) {
        return Done{};
    }
    return bad_field("from_at",
                     "P070 " + std::to_string(there) + " of " + std::to_string(booked.nodes) +
                         " nodes will be free by then; others run longer, or are not up");
}

/// What the whole of it costs.
PriceTerms terms_of(const State& state, const Booked& booked, Moment now) {
    JobSpec spec = as_job(booked);
    const Partition& partition = *find_partition(*state.truth.policy, spec.partition);
    spec.shape = {.gpus = partition.gpus_per_node,
                  .gpu_model = partition.gpu,
                  .cores = 0,
                  .memory = {},
                  .exclusive = true};
    PriceTerms terms = price(state, spec, now);
    terms.checkpoint_assumed = spec.time_limit;  // A missing node waives all of its time.
    terms.waived.reset();
    return terms;
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
    if (std::optional<Reason> gone = not_offered(state, as_job(booked))) {
        return Unexpected{std::move(*gone)};
    }
    const Partition& partition = *find_partition(*state.truth.policy, booked.what.partition);
    if (partition.gpus_per_node == 0 || booked.what.gpus < 1) {
        return bad_field("gpus", "at least one, of a partition with GPUs");
    }
    booked.nodes = nodes_of(*state.truth.policy, booked.what);
    booked.what.gpus = booked.nodes * partition.gpus_per_node;
    booked.what.every = Span{0};
    for (const Checked& checked :
         {inside_limits(state, booked), fits_calendar(state, booked.what, now),
          nodes_in_time(state, booked, now)}) {
        if (!checked) {
            return Unexpected{checked.error()};
        }
    }
    booked.terms = terms_of(state, booked, now);
    Expected<HoldPlan, Reason> plan =
        plan_start(state, as_job(booked), booked.terms, {state.truth.ledger}, now);
    if (!plan) {
        return Unexpected{std::move(plan).error()};
    }
    booked.hold = *std::move(plan);
    booked.policy = state.truth.policy->id;
    const JobId number = booked.number;
    return Decision{.facts = {ReservationBooked{std::move(booked)}}, .job = number};
}

/// Errors: A133 (reservation), A147 once it has begun, N403.
Decided on(State& state, const CancelReservation& command, Moment now) {
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
