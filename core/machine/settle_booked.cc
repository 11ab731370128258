#include "core/machine/settle_booked.h"

#include <algorithm>

#include "core/base/enum_name.h"
#include "core/machine/money.h"
#include "core/machine/standing.h"

namespace khu {
namespace {

UsageContext context_of(const State& state, const Booked& booked) {
    const Policy& policy = *state.truth.policy;
    const Enterprise* enterprise = find_enterprise(policy, booked.enterprise);
    const Programme* programme = find_programme(policy, booked.what.programme);
    const Partition* partition = find_partition(policy, booked.what.partition);
    return {.zone = policy.zone.id,
            .province_code = policy.zone.province.code,
            .enterprise = booked.enterprise,
            .enterprise_class = enterprise == nullptr ? "" : enum_name(enterprise->kind),
            .project = "",
            .user = booked.by,
            .key = key_of(booked),
            .job_name = booked.what.id,
            .service = "ai-training",
            .partition = booked.what.partition,
            .programme = booked.what.programme,
            .tier = programme == nullptr ? "" : enum_name(programme->tier),
            .qos = booked.what.qos,
            .holds = booked.hold.parts,
            .submitted_at = booked.booked_at,
            .queued_at = booked.what.window.from,
            .time_limit = booked.what.window.to - booked.what.window.from,
            .nodes = booked.nodes,
            .gpus = booked.what.gpus,
            .cores = 0,
            .memory = {},
            .gpu_model = partition == nullptr ? GpuModel{} : partition->gpu,
            .terms = booked.terms,
            .policy = booked.policy};
}

/// `until` at the latest. A missing node waives as a failure of the infrastructure does.
AttemptEnd end_of(const Booked& booked, Moment until) {
    AttemptEnd end{.taken_at = booked.what.window.from,
                   .released_at = std::min(until, booked.what.window.to),
                   .cause = EndCause::Completed,
                   .held = booked.hold.total};
    const std::int64_t all = std::int64_t{1000} * booked.nodes;
    const std::int64_t lost_s = (booked.lost_ms + all - 1) / all;
    if (lost_s > 0) {
        end.cause = EndCause::NodeFail;
        end.saved_at = end.released_at - seconds(lost_s);
    }
    return end;
}

/// Less what its jobs were metered for: that stands in their rows. Of one that was cancelled nobody
/// used anything, and nothing was kept from others.
void take_used_out(Booked& booked, SliceBill& slice) {
    Charge& charge = slice.charge;
    const Atoms most = charge.metered - charge.waived;
    const Atoms used = booked.cancelled ? most : std::min(most, booked.used);
    booked.used -= std::min(used, booked.used);
    charge.metered -= used;
    const Atoms base = charge.metered - charge.waived;
    charge.surcharge = std::max(Atoms{0}, charge.charged - base);
    charge.discount = std::max(Atoms{0}, base - charge.charged);
    slice.cause = kReservedUnused;
}

struct Posting {
    State& state;
    Booked& booked;
    const UsageContext& context;
    const AttemptEnd& end;
    Moment at;
    Effects& effects;
};

void post_slices(const Posting& to, std::vector<SliceBill> slices) {
    for (SliceBill& slice : slices) {
        take_used_out(to.booked, slice);
        SettleInput input = settle_input(slice, to.booked.what.partition, to.booked.what.qos);
        input.loss = loss_of(to.state, slice.waived_list);
        const Ledger::Entries entries =
            to.state.truth.ledger.settle(to.context.key, input, to.at, to.context.policy);
        to.effects.push_back(PostEntries{entries});
        to.effects.push_back(PostUsage{usage_row(to.context, to.end, slice, entries)});
    }
}

void post_correction(const Posting& to, const Correction& back) {
    const CorrectionInput input{.less = back.less,
                                .cause = cause_name(to.end.cause),
                                .held = to.booked.hold.parts,
                                .paid = back.paid,
                                .loss = loss_of(to.state, back.waived_list)};
    const Ledger::Entries entries =
        to.state.truth.ledger.correct(to.context.key, input, to.at, to.context.policy);
    UsageRow row = correction_row(to.context, to.end, to.booked.settled, back,
                                  to.state.truth.policy->utc_offset_minutes);
    trace_to(row, entries);
    to.effects.push_back(PostEntries{entries});
    to.effects.push_back(PostUsage{std::move(row)});
}

/// For the fair share it counts as what was used, when it is over.
void count_use(State& state, const Booked& booked, Moment at) {
    PriceTerms plain = booked.terms;
    plain.factor_permille = 1000;
    const Atoms base = hold_for(plain, booked.what.window.to - booked.what.window.from);
    FairTree& fair = state.scheduler.fair();
    FadingUse& use = state.truth.fair_use[{booked.what.programme, booked.enterprise}];
    fair.decay().add(use, base, day_of(at));
    fair.set_use(fair.leaf(booked.what.programme, booked.enterprise), use);
}

Effects settle_whole(State& state, Booked& booked, Moment at) {
    const UsageContext context = context_of(state, booked);
    const AttemptEnd end = end_of(booked, booked.what.window.to);
    Effects effects;
    const Posting to{state, booked, context, end, at, effects};
    EndBill bill =
        bill_end(booked.terms, end, booked.settled, state.truth.policy->utc_offset_minutes);
    if (bill.correction) {
        post_correction(to, *bill.correction);
    }
    post_slices(to, std::move(bill.slices));
    count_use(state, booked, at);
    return effects;
}

Effects settle_to_cut(State& state, Booked& booked, Moment until, Moment at) {
    const UsageContext context = context_of(state, booked);
    AttemptEnd end = end_of(booked, until);
    Effects effects;
    const std::vector<SliceBill> slices =
        bill_to_cut(booked.terms, end, booked.settled, state.truth.policy->utc_offset_minutes);
    post_slices({state, booked, context, end, at, effects}, slices);
    booked.settled = settled_with(std::move(booked.settled), slices);
    return effects;
}

}  // namespace

Effects settle_booked(State& state, const std::string& id, Moment at) {
    auto booked = state.truth.booked.extract(id);
    KHU_CHECK(!booked.empty(), "{}", id);
    return settle_whole(state, booked.mapped(), at);
}

Effects settle_booked_month(State& state, Moment until, Moment at) {
    count_missing(state, at);
    Effects effects;
    std::vector<std::string> over;
    for (auto& [id, booked] : state.truth.booked) {
        if (booked.what.window.to <= until) {
            over.push_back(id);
        } else if (booked.what.window.from < until) {
            for (Effect& effect : settle_to_cut(state, booked, until, at)) {
                effects.push_back(std::move(effect));
            }
        }
    }
    for (const std::string& id : over) {
        for (Effect& effect : settle_booked(state, id, at)) {
            effects.push_back(std::move(effect));
        }
    }
    return effects;
}

void count_inside(State& state, const JobSpec& spec, const UsageRow& row) {
    const Booked* inside =
        booked_for(state, spec.where->reservation, spec.enterprise, row.slice_start);
    if (inside != nullptr) {
        state.truth.booked.at(booked_key(*inside)).used += row.metered_ugs;
    }
}

void count_missing(State& state, Moment at) {
    for (auto& [id, booked] : state.truth.booked) {
        const Window& window = booked.what.window;
        const Moment from = std::max(booked.missing_since, window.from);
        const Moment to = std::min(at, window.to);
        if (to > from) {
            booked.lost_ms += booked.missing * (to - from).value;
        }
        booked.missing_since = std::max(booked.missing_since, at);
        const auto placed = state.truth.reserved.find({booked.what.id, window.from});
        int there = 0;
        if (placed != state.truth.reserved.end()) {
            for (const NodeId node : placed->second.placed) {
                const ClusterNode* known = state.scheduler.cluster().find(node);
                there += known != nullptr && known->health == NodeHealth::Up ? 1 : 0;
            }
        }
        booked.missing = booked.cancelled ? 0 : std::max(0, booked.nodes - there);
    }
}

}  // namespace khu
