#include "core/machine/booking.h"

#include <algorithm>

#include "core/base/limits.h"
#include "core/machine/admission.h"
#include "core/machine/citing.h"
#include "core/machine/money.h"
#include "core/machine/own_rules.h"
#include "core/machine/reservations.h"
#include "core/machine/reserving.h"
#include "core/policy/reserved.h"

namespace khu {
namespace {

using Checked = Expected<Done, Refusal>;

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

/// What the programme and the QOS allow. What costs nothing is not set aside.
Checked inside_limits(const State& state, const Booked& booked) {
    const Policy& policy = policy_for(state, booked.enterprise);
    const Programme& programme = *find_programme(policy, booked.what.programme);
    const Qos& qos = *find_qos(policy, booked.what.qos);
    if (qos.factor_permille == 0) {
        return bad_reservation("qos", "a reservation is charged, and this QOS is free");
    }
    const int limit = programme.limits.max_gpus_running;
    if (limit > 0 && booked.what.gpus > limit) {
        return Unexpected{
            cited_own(state, booked.enterprise,
                      Refusal(Code::OverLimit)
                          .with("what", "GPUs of the reservation")
                          .with("asked", booked.what.gpus)
                          .with("where", "programme " + programme.id.value)
                          .with("limit", limit)
                          .limited_by(key_of(programme.id, "limits.max_gpus_running")))};
    }
    return Done{};
}

bool is_name(const std::string& id) {
    return !id.empty() && id.size() <= 40 && std::ranges::all_of(id, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
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

Unexpected<Refusal> bad_reservation(const std::string& field, std::string why) {
    return Unexpected{Refusal(Code::BadField).with("field", field).with("why", std::move(why))};
}

bool is_of_policy(const State& state, const std::string& id) {
    const auto found = state.truth.booked.find(id);
    return found == state.truth.booked.end()
               ? state.truth.policy && find_in_calendar(*state.truth.policy, id) != nullptr
               : found->second.of_policy;
}

Checked may_be_booked(const State& state, const std::string& id, const Window& window, Moment now) {
    if (!is_name(id)) {
        return bad_reservation("reservation", "a name is 1 to 40 of a-z, 0-9 and -");
    }
    if (is_of_policy(state, id) || find_reservation(state, id) || state.truth.booked.contains(id) ||
        state.truth.counted_booked.contains(id)) {
        return Unexpected{Refusal(Code::ReservationExists).with("reservation", id)};
    }
    if (window.from < now || window.to <= window.from) {
        return bad_reservation("from_at", "a window begins now or later, and ends after it begins");
    }
    if (window.to - window.from > limits::reservation_length_max ||
        window.from > now + limits::reservation_ahead_max) {
        return bad_reservation("to_at",
                               "a window is at most 31 days long, and begins within 400 days");
    }
    const std::size_t booked = state.truth.booked.size() + state.truth.counted_booked.size();
    if (static_cast<std::int64_t>(booked) >= limits::reservations_booked_max) {
        return bad_reservation("reservation", "too many are booked");
    }
    return Done{};
}

Checked fit_to_zone(const State& state, Booked& booked) {
    if (std::optional<Reason> gone = not_offered(state, as_job(booked))) {
        return Unexpected{std::move(*gone)};
    }
    const Partition& partition = *find_partition(*state.truth.policy, booked.what.partition);
    if (partition.gpus_per_node == 0 || booked.what.gpus < 1) {
        return bad_reservation("gpus", "at least one, of a partition with GPUs");
    }
    booked.nodes = nodes_of(*state.truth.policy, booked.what);
    booked.what.gpus = booked.nodes * partition.gpus_per_node;
    booked.what.every = Span{0};
    return inside_limits(state, booked);
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
    return bad_reservation("from_at",
                           "P070 " + std::to_string(there) + " of " + std::to_string(booked.nodes) +
                               " nodes will be free by then; others run longer, or are not up");
}

Checked charge_to_grants(const State& state, Booked& booked, Moment now) {
    booked.terms = terms_of(state, booked, now);
    Expected<HoldPlan, Reason> plan =
        plan_start(state, as_job(booked), booked.terms, {state.truth.ledger}, now);
    if (!plan) {
        return Unexpected{std::move(plan).error()};
    }
    booked.hold = *std::move(plan);
    booked.policy = state.truth.policy->id;
    return Done{};
}

}  // namespace khu
