#include "core/machine/apply.h"

#include <algorithm>
#include <utility>

#include "core/base/limits.h"
#include "core/machine/floor.h"
#include "core/machine/grant_duties.h"
#include "core/machine/grant_rules.h"
#include "core/machine/grant_terms.h"
#include "core/machine/layers.h"
#include "core/machine/money.h"
#include "core/machine/own_rules.h"
#include "core/machine/policy_grants.h"
#include "core/machine/preemption.h"
#include "core/machine/settle.h"
#include "core/machine/standing.h"

namespace khu {

Effects apply(State& state, const Stamped& stamped) {
    Truth& truth = state.truth;
    if (is_durable(stamped.fact)) {
        KHU_CHECK(stamped.seq.value == truth.last.value + 1, "{} after {}", stamped.seq.value,
                  truth.last.value);
        truth.last = stamped.seq;
        truth.last_at = stamped.at;
    }
    Effects effects = std::visit(
        [&](const auto& fact) { return apply_detail::on(state, fact, stamped.at); }, stamped.fact);
    apply_detail::count_entries(state, effects);
    return effects;
}

namespace apply_detail {
namespace {

Effects posted(Ledger::Entries entries) {
    if (entries.empty()) {
        return {};
    }
    return {PostEntries{std::move(entries)}};
}

PolicyId policy_in_force(const State& state) {
    return state.truth.policy ? state.truth.policy->id : PolicyId{};
}

/// The scheduled policy leaves the schedule without having been in force.
void drop_scheduled(Truth& truth, std::string why) {
    if (truth.scheduled) {
        const ScheduledPolicy& gone = *truth.scheduled;
        truth.policy_history.push_back({.id = gone.policy.id,
                                        .seq = gone.seq,
                                        .by = gone.by,
                                        .applied_at = gone.at,
                                        .effective_at = kNever,
                                        .decision_ref = gone.policy.decision_ref,
                                        .dropped = std::move(why)});
        truth.scheduled.reset();
    }
}

/// Its enterprise's jobs may start, or stand elsewhere, and its terms are looked at again.
void grant_changed(State& state, const GrantId& id, Moment at) {
    const Grant& grant = *state.truth.ledger.find(id);
    state.grant_due_at = Moment{0};
    set_penalty(state, grant.enterprise, grant.programme, at);
    set_share(state, grant.enterprise, grant.programme, at);
    review_floor(state, grant.enterprise, at);
    state.scheduler.admission_changed(grant.enterprise);
}

/// True if jobs stand in another order under it.
bool change_policy(Truth& truth, Policy next) {
    const bool reorders = !truth.policy || truth.policy->priority != next.priority ||
                          truth.policy->qos != next.qos ||
                          truth.policy->fairshare.floor != next.fairshare.floor ||
                          truth.policy->preemption.order != next.preemption.order ||
                          truth.policy->partitions != next.partitions;
    truth.policy = std::move(next);
    return reorders;
}

/// What is derived from the policy follows it.
void follow_policy(State& state, bool reorders, Moment at) {
    state.truth.capacity.advance(at);
    use_own_rules(state, at);
    use_partitions(state);
    use_fair_share(state);
    state.scheduler.preemption(preemption_rule(*state.truth.policy));
    if (reorders) {
        queue_anew(state, at);
    }
    state.budgets_due = !budgets_due(state).empty();
    state.month_due_at = next_month_event(state);
    state.grant_due_at = Moment{0};
    state.reservation_due_at = Moment{0};
    state.lending.stale = true;
    refresh_lending(state);
    set_penalties(state, at);
    set_shares(state, at);
    state.scheduler.admission_changed();
}

/// `next` is in force from `at` on. Attempts that run keep the terms of their start.
Effects put_in_force(State& state, ScheduledPolicy next, Moment at) {
    Truth& truth = state.truth;
    truth.policy_ids.push_back(next.policy.id);
    truth.policy_history.push_back({.id = next.policy.id,
                                    .seq = next.seq,
                                    .by = next.by,
                                    .applied_at = next.at,
                                    .effective_at = at,
                                    .decision_ref = next.policy.decision_ref,
                                    .dropped = ""});
    const bool reorders = change_policy(truth, held_to_layers(truth, std::move(next.policy), at));
    truth.policy_text = std::move(next.text);
    truth.policy_lines = std::move(next.lines);
    truth.policy_by = next.by;
    truth.policy_at = at;
    Ledger::Entries entries;
    for (const Enterprise& enterprise : truth.policy->enterprises) {
        for (const PolicyGrant& grant : enterprise.grants) {
            Ledger::Entries made = bring_in(truth.ledger, *truth.policy, {enterprise, grant}, at);
            entries.insert(entries.end(), made.begin(), made.end());
        }
    }
    follow_policy(state, reorders, at);
    return posted(std::move(entries));
}

}  // namespace

Effects on(State& state, const PolicyApplied& fact, Moment at) {
    drop_scheduled(state.truth, fact.policy.id.value + " was applied");
    return put_in_force(state,
                        {.policy = fact.policy,
                         .text = fact.text,
                         .by = fact.by,
                         .at = at,
                         .seq = state.truth.last,
                         .lines = fact.lines},
                        at);
}

Effects on(State& state, const PolicyScheduled& fact, Moment at) {
    drop_scheduled(state.truth, fact.policy.id.value + " was applied");
    state.truth.scheduled = ScheduledPolicy{.policy = fact.policy,
                                            .text = fact.text,
                                            .by = fact.by,
                                            .at = at,
                                            .seq = state.truth.last,
                                            .lines = fact.lines};
    return {};
}

Effects on(State& state, const PolicyTookEffect& fact, Moment at) {
    KHU_CHECK(state.truth.scheduled && state.truth.scheduled->policy.id == fact.policy, "{}",
              fact.policy.value);
    ScheduledPolicy due = std::move(*state.truth.scheduled);
    state.truth.scheduled.reset();
    return put_in_force(state, std::move(due), at);
}

Effects on(State& state, const PolicyDropped& fact, Moment) {
    KHU_CHECK(state.truth.scheduled && state.truth.scheduled->policy.id == fact.policy, "{}",
              fact.policy.value);
    drop_scheduled(state.truth, fact.why);
    return {};
}

Effects on(State& state, const LayerBrought& fact, Moment at) {
    for (LayerRecord& record : state.truth.layers.records) {
        if (same_level(record.rules, fact.rules) && waits(record) &&
            record.rules.effective_from >= fact.rules.effective_from) {
            state.layers_to_come.erase({record.rules.effective_from, record.rules.id});
            record.replaced_by = fact.rules.id;
        }
    }
    state.truth.layers.records.push_back(
        {.rules = fact.rules, .by = fact.by, .at = at, .seq = state.truth.last});
    state.layers_to_come.insert({fact.rules.effective_from, fact.rules.id});
    if (fact.rules.layer == Layer::Enterprise) {
        forget_old_rules(state.truth, fact.rules, at);
    }
    return {};
}

Effects on(State& state, const LayerBinds& fact, Moment at) {
    Truth& truth = state.truth;
    const auto record = std::ranges::find(truth.layers.records, fact.layer,
                                          [](const LayerRecord& each) { return each.rules.id; });
    KHU_CHECK(record != truth.layers.records.end() && !record->binds, "{}", fact.layer.value);
    record->binds = true;
    state.layers_to_come.erase({record->rules.effective_from, fact.layer});
    if (record->rules.layer == Layer::Enterprise) {
        use_own_rules(state, record->rules.enterprise, at);
    } else if (truth.policy) {
        Policy written = written_policy(truth);
        const bool reorders = change_policy(truth, held_to_layers(truth, std::move(written), at));
        follow_policy(state, reorders, at);
    }
    return {};
}

Effects on(State& state, const GrantRequested& fact, Moment at) {
    Truth& truth = state.truth;
    truth.next_request = fact.request.number + 1;
    truth.requests[fact.request.number] = {.request = fact.request, .asked_at = at};
    return {};
}

Effects on(State& state, const GrantRequestDecided& fact, Moment at) {
    Truth& truth = state.truth;
    GrantRequestRecord& record = truth.requests.at(fact.number);
    KHU_CHECK(record.state == RequestState::Waiting, "request {}", fact.number);
    record.state = fact.approved ? RequestState::Approved : RequestState::Refused;
    record.decided_by = fact.by;
    record.decided_at = at;
    record.reason = fact.reason;
    record.decision_ref = fact.decision_ref;
    record.grant = fact.grant;
    count_decision(state, record);
    // The facts keep them all; the list forgets the oldest that is decided.
    if (truth.requests.size() > static_cast<std::size_t>(limits::grant_requests_kept_max)) {
        const auto oldest = std::ranges::find_if(truth.requests, [](const auto& each) {
            return each.second.state != RequestState::Waiting;
        });
        truth.requests.erase(oldest);
    }
    return {};
}

Effects on(State& state, const GrantOpened& fact, Moment at) {
    Effects effects = posted(state.truth.ledger.open(fact.offer, at, policy_in_force(state)));
    grant_changed(state, fact.offer.id, at);
    return effects;
}

Effects on(State& state, const GrantExtended& fact, Moment at) {
    Effects effects = posted(state.truth.ledger.extend(fact.extension, at, policy_in_force(state)));
    grant_changed(state, fact.extension.id, at);
    return effects;
}

Effects on(State& state, const GrantSuspended& fact, Moment at) {
    state.truth.ledger.suspend(fact.grant, fact.reason);
    grant_changed(state, fact.grant, at);
    return {};
}

Effects on(State& state, const GrantResumed& fact, Moment at) {
    state.truth.ledger.resume(fact.grant);
    grant_changed(state, fact.grant, at);
    return {};
}

Effects on(State& state, const GrantClosed& fact, Moment at) {
    Effects effects = posted(state.truth.ledger.close(fact.grant, at, policy_in_force(state)));
    grant_changed(state, fact.grant, at);
    return effects;
}

Effects on(State& state, const GrantsExpired&, Moment at) {
    Effects effects = posted(state.truth.ledger.expire(at, policy_in_force(state)));
    state.grant_due_at = Moment{0};
    set_penalties(state, at);
    set_shares(state, at);
    state.scheduler.admission_changed();
    return effects;
}

Effects on(State& state, const GrantAdvanced& fact, Moment at) {
    Effects effects =
        posted(state.truth.ledger.advance(fact.grant, fact.amount, at, policy_in_force(state)));
    grant_changed(state, fact.grant, at);
    return effects;
}

Effects on(State& state, const TrancheTurned& fact, Moment at) {
    Effects effects = posted(state.truth.ledger.turn_tranche(fact.grant, fact.carry_permille, at,
                                                             policy_in_force(state)));
    grant_changed(state, fact.grant, at);
    return effects;
}

Effects on(State& state, const PullbackReached& fact, Moment at) {
    Effects effects = posted(state.truth.ledger.pull_back(fact.grant, fact.forfeit_permille, at,
                                                          policy_in_force(state)));
    grant_changed(state, fact.grant, at);
    return effects;
}

Effects on(State& state, const PullbackWarned& fact, Moment at) {
    state.truth.ledger.warned(fact.grant, at);
    state.grant_due_at = Moment{0};
    return {};
}

Effects on(State& state, const ProjectCapSet& fact, Moment at) {
    Ledger& ledger = state.truth.ledger;
    if (fact.lifted) {
        ledger.uncap_project(fact.grant, fact.project);
    } else {
        ledger.cap_project(fact.grant, fact.project, fact.cap, fact.by, at);
    }
    state.scheduler.admission_changed(ledger.find(fact.grant)->enterprise);
    return {};
}

Effects on(State& state, const MonthCut& fact, Moment at) {
    state.truth.cut_until = fact.until;
    Effects effects = settle_month(state, fact.until, at);
    const Policy& policy = *state.truth.policy;
    state.truth.months.push_back({.period = fact.period,
                                  .until = fact.until,
                                  .last = state.truth.ledger.last_seq(),
                                  .fact = state.truth.last,
                                  .province_code = policy.zone.province.code,
                                  .public_min_enterprises = policy.reports.public_min_enterprises,
                                  .capacity = {},
                                  .counted = true,
                                  .grants = std::exchange(state.truth.grant_counts, {}),
                                  .privacy = fact.privacy});
    for (GrantCount& each : unused_grants(state, fact.until)) {
        state.truth.months.back().grants.push_back(std::move(each));
    }
    CapacityMeter& meter = state.truth.capacity;
    meter.advance(fact.until);
    state.truth.months.back().capacity = meter.totals();
    state.truth.months.back().floor_lifts = std::exchange(state.truth.floor_lifts, 0);
    meter.reset();
    state.month_due_at = next_month_event(state);
    return effects;
}

Effects on(State& state, const MonthClosed& fact, Moment) {
    state.truth.closed_until = fact.until;
    state.truth.closed_period = fact.period;
    forget_readings(state);
    state.month_due_at = next_month_event(state);
    return {};
}

Effects on(State& state, const BudgetsSet& fact, Moment at) {
    Ledger::Entries entries;
    for (const Budget& budget : fact.budgets) {
        Ledger::Entries made = state.truth.ledger.set_budget(budget, at, policy_in_force(state));
        entries.insert(entries.end(), made.begin(), made.end());
    }
    state.budgets_due = !budgets_due(state).empty();
    state.scheduler.admission_changed();
    return posted(std::move(entries));
}

Effects on(State& state, const WalletPaidIn& fact, Moment at) {
    const MoneyPart payment{.account = wallet_account(fact.enterprise), .amount = fact.amount};
    Effects effects =
        posted(state.truth.ledger.pay_in(payment, fact.ref, at, policy_in_force(state)));
    state.scheduler.admission_changed(fact.enterprise);
    return effects;
}

}  // namespace apply_detail
}  // namespace khu
