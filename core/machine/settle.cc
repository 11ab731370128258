#include "core/machine/settle.h"

#include <algorithm>

#include "core/base/enum_name.h"
#include "core/ledger/usage.h"
#include "core/machine/money.h"
#include "core/machine/settle_booked.h"

namespace khu {
namespace {

/// Everything a usage row says of the job.
UsageContext usage_context(const State& state, const Job& job, const Attempt& attempt,
                           const AttemptBooks& books) {
    const Policy& policy = *state.truth.policy;
    const Enterprise* enterprise = find_enterprise(policy, job.spec.enterprise);
    const Programme* programme = find_programme(policy, job.spec.programme);
    return {.zone = policy.zone.id,
            .province_code = policy.zone.province.code,
            .enterprise = job.spec.enterprise,
            .enterprise_class = enterprise == nullptr ? "" : enum_name(enterprise->kind),
            .project = job.spec.project,
            .user = job.spec.user,
            .key = {job.id, attempt.number},
            .job_name = job.spec.name,
            .service = "ai-training",
            .partition = job.spec.partition,
            .programme = job.spec.programme,
            .tier = programme == nullptr ? "" : enum_name(programme->tier),
            .qos = job.spec.qos,
            .holds = books.hold.parts,
            .submitted_at = job.submitted_at,
            .queued_at = books.queued_at,
            .time_limit = job.spec.time_limit,
            .nodes = job.spec.nodes,
            .gpus = job.spec.nodes * job.spec.shape.gpus,
            .cores = job.spec.nodes * job.spec.shape.cores,
            .memory = job.spec.shape.memory * job.spec.nodes,
            .gpu_model = job.spec.shape.gpu_model,
            .terms = books.terms,
            .policy = books.policy};
}

/// One attempt on its way into the books.
struct Settling {
    State& state;
    const Job& job;
    const UsageContext& context;
    const AttemptEnd& end;
    Moment at;
    Effects& effects;
};

void post(const Settling& to, const Ledger::Entries& entries, UsageRow row) {
    to.effects.push_back(PostEntries{entries});
    to.state.truth.books.at(to.job.id).rows.push_back(row);
    count_inside(to.state, to.job.spec, row);
    to.effects.push_back(PostUsage{std::move(row)});
}

void settle_slices(const Settling& to, const std::vector<SliceBill>& slices) {
    for (const SliceBill& slice : slices) {
        SettleInput input = settle_input(slice, to.job.spec.partition, to.job.spec.qos);
        input.loss = loss_of(to.state, to.end.cause, slice.waived_list);
        const Ledger::Entries entries =
            to.state.truth.ledger.settle(to.context.key, input, to.at, to.context.policy);
        post(to, entries, usage_row(to.context, to.end, slice, entries));
    }
}

void settle_correction(const Settling& to, const Correction& back) {
    const AttemptBooks& books = to.state.truth.books.at(to.job.id);
    const CorrectionInput input{.less = back.less,
                                .cause = cause_name(to.end.cause),
                                .held = books.hold.parts,
                                .paid = back.paid,
                                .loss = loss_of(to.state, to.end.cause, back.waived_list)};
    const Ledger::Entries entries =
        to.state.truth.ledger.correct(to.context.key, input, to.at, to.context.policy);
    UsageRow row = correction_row(to.context, to.end, books.settled, back,
                                  to.state.truth.policy->utc_offset_minutes);
    trace_to(row, entries);
    post(to, entries, std::move(row));
}

AttemptEnd end_of(const Job& job, const AttemptBooks& books, Moment released) {
    AttemptEnd end{.taken_at = live_attempt(job)->taken_at,
                   .released_at = released,
                   .cause = EndCause::Completed,
                   .held = books.hold.total};
    if (const auto* ending = std::get_if<Ending>(&job.phase)) {
        end.cause = ending->cause;
        end.exit_code = ending->exit_code;
    }
    return end;
}

}  // namespace

Effects settle_end(State& state, const Job& job, Moment at, Atoms& base) {
    const AttemptBooks& books = state.truth.books.at(job.id);
    AttemptEnd end = end_of(job, books, at);
    end.never_ran = !books.rank_ran;
    end.saved_at = saved_at(job);
    const UsageContext context = usage_context(state, job, *live_attempt(job), books);
    Effects effects;
    const Settling to{state, job, context, end, at, effects};
    const EndBill bill =
        bill_end(books.terms, end, books.settled, state.truth.policy->utc_offset_minutes);
    if (bill.correction) {
        settle_correction(to, *bill.correction);
    }
    settle_slices(to, bill.slices);
    for (const UsageRow& row : books.rows) {
        base += row.metered_ugs - row.waived_ugs;
    }
    return effects;
}

Effects settle_month(State& state, Moment until, Moment at) {
    Effects effects;
    for (auto& [id, books] : state.truth.books) {
        const Job& job = state.truth.jobs.at(id);
        const Attempt& attempt = *live_attempt(job);
        if (attempt.taken_at >= until || (books.settled.slices > 0 && books.settled.to >= until)) {
            continue;
        }
        const AttemptEnd end = end_of(job, books, until);
        const UsageContext context = usage_context(state, job, attempt, books);
        const std::vector<SliceBill> slices =
            bill_to_cut(books.terms, end, books.settled, state.truth.policy->utc_offset_minutes);
        settle_slices({state, job, context, end, at, effects}, slices);
        books.settled = settled_with(std::move(books.settled), slices);
    }
    for (Effect& effect : settle_booked_month(state, until, at)) {
        effects.push_back(std::move(effect));
    }
    return effects;
}

namespace {

/// The month in which the zone got its first policy: nothing was used before.
Moment first_month(const Truth& truth) {
    const bool known =
        !truth.policy_history.empty() && truth.policy_history.front().effective_at != kNever;
    return month_start(known ? truth.policy_history.front().effective_at : truth.policy_at,
                       truth.policy->utc_offset_minutes);
}

Moment cut_until(const State& state) {
    const Truth& truth = state.truth;
    return truth.cut_until != Moment{0} ? truth.cut_until : first_month(truth);
}

Moment closed_until(const State& state) {
    const Truth& truth = state.truth;
    return truth.closed_until != Moment{0} ? truth.closed_until : first_month(truth);
}

Moment closes_at(const Policy& policy, Moment month_ended) {
    return month_ended + days(policy.reports.close_day - 1);
}

}  // namespace

std::vector<Fact> months_due(const State& state, Moment now) {
    std::vector<Fact> due;
    if (!state.truth.policy) {
        return due;
    }
    const Policy& policy = *state.truth.policy;
    const int offset = policy.utc_offset_minutes;
    const Moment cut = month_start(now, offset);
    if (cut > cut_until(state)) {
        MonthCut fact{.until = cut,
                      .period = period_of(cut - milliseconds(1), offset),
                      .names = {},
                      .privacy = policy.privacy};
        for (const Enterprise& enterprise : policy.enterprises) {
            fact.names.push_back({enterprise.id, enterprise.name, enterprise.kind});
        }
        for (const Programme& programme : policy.programmes) {
            fact.tiers.push_back({programme.id, programme.tier});
        }
        due.emplace_back(std::move(fact));
    }
    for (Moment end = month_end(closed_until(state), offset);
         end <= cut && closes_at(policy, end) <= now; end = month_end(end, offset)) {
        due.emplace_back(
            MonthClosed{.period = period_of(end - milliseconds(1), offset), .until = end});
    }
    return due;
}

Moment next_month_event(const State& state) {
    if (!state.truth.policy) {
        return kNever;
    }
    const Policy& policy = *state.truth.policy;
    const int offset = policy.utc_offset_minutes;
    return std::min(month_end(cut_until(state), offset),
                    closes_at(policy, month_end(closed_until(state), offset)));
}

}  // namespace khu
