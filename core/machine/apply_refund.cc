// Refunds of attempts that have ended: into the books, and as a correction of this month.

#include <algorithm>

#include "core/base/limits.h"
#include "core/machine/apply.h"
#include "core/machine/money.h"

namespace khu::apply_detail {
namespace {

/// The facts keep them all.
void forget_oldest(Truth& truth) {
    const auto most = static_cast<std::size_t>(limits::refunds_kept_max);
    if (truth.refunds.size() > most) {
        const auto oldest = std::ranges::find_if(truth.refunds, [](const auto& each) {
            return each.second.state != RequestState::Waiting;
        });
        truth.refunds.erase(oldest);
    }
    if (truth.refunded.size() > most) {
        const auto oldest = std::ranges::min_element(
            truth.refunded, {}, [](const auto& each) { return each.second.ended_at; });
        truth.refunds_since = oldest->second.ended_at;
        truth.refunded.erase(oldest);
    }
}

Effects give_back(State& state, const RefundRequest& request, const Refund& back, Moment at) {
    Truth& truth = state.truth;
    const UsageRow& last = request.paid.last;
    Refunded& so_far = truth.refunded[request.key];
    so_far.key = request.key;
    so_far.ended_at = last.slice_end;
    ++so_far.times;
    so_far.total = sum_of(std::move(so_far.total), back);
    const RefundInput input{.id = refund_id(request.key, so_far.times),
                            .enterprise = last.enterprise_id,
                            .project = last.project.value_or(""),
                            .zone = last.zone_id,
                            .ref = request.reason,
                            .less = back.less,
                            .hours = back.hours,
                            .money = back.money,
                            .loss = loss_of(state, back.waived_list)};
    const Ledger::Entries entries = truth.ledger.refund(input, at, truth.policy->id);
    UsageRow row = refund_row(request.paid, back, at, truth.policy->utc_offset_minutes);
    trace_to(row, entries);
    return {PostEntries{entries}, PostUsage{std::move(row)}};
}

}  // namespace

Effects on(State& state, const RefundAsked& fact, Moment at) {
    Truth& truth = state.truth;
    truth.next_refund = fact.request.number + 1;
    truth.refunds[fact.request.number] = {.request = fact.request, .asked_at = at};
    return {};
}

Effects on(State& state, const RefundDecided& fact, Moment at) {
    const RefundDecision& decision = fact.decision;
    RefundRecord& record = state.truth.refunds.at(decision.number);
    KHU_CHECK(record.state == RequestState::Waiting, "refund {}", decision.number);
    record.state = decision.approved ? RequestState::Approved : RequestState::Refused;
    record.decided_by = decision.by;
    record.decided_at = at;
    record.reason = decision.reason;
    record.made_good = decision.made_good;
    if (!decision.approved) {
        return {};
    }
    Effects effects = give_back(state, record.request, decision.back, at);
    forget_oldest(state.truth);
    state.budgets_due = !budgets_due(state).empty();
    state.scheduler.admission_changed();
    return effects;
}

}  // namespace khu::apply_detail
