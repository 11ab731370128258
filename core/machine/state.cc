#include "core/machine/state.h"

#include <algorithm>

#include "core/base/limits.h"
#include "core/machine/apply.h"
#include "core/machine/arrays.h"
#include "core/machine/dependencies.h"
#include "core/machine/grant_duties.h"
#include "core/machine/grant_terms.h"
#include "core/machine/layers.h"
#include "core/machine/money.h"
#include "core/machine/own_rules.h"
#include "core/machine/preemption.h"
#include "core/machine/reserving.h"
#include "core/machine/settle.h"
#include "core/machine/standing.h"

namespace khu {

KeyName key_name(const EnterpriseId& enterprise, const UserId& user, const std::string& key) {
    return enterprise.value + '\n' + user.value + '\n' + key;
}

State::State(ZoneId zone) {
    truth.zone = std::move(zone);
}

const Job* State::find_job(JobId id) const {
    const auto found = truth.jobs.find(id);
    return found == truth.jobs.end() ? nullptr : &found->second;
}

const NodeRecord* State::find_node(const NodeName& name) const {
    const auto found = node_names.find(name);
    return found == node_names.end() ? nullptr : find_node(found->second);
}

const NodeRecord* State::find_node(NodeId id) const {
    const auto found = truth.nodes.find(id);
    return found == truth.nodes.end() ? nullptr : &found->second;
}

Moment State::next_wake() const {
    Moment next = kNever;
    for (const auto& [id, heard] : heard_at) {
        if (truth.nodes.at(id).up) {
            next = std::min(next, heard + limits::lease + limits::lease_skew);
        }
    }
    if (!job_timers.empty()) {
        next = std::min(next, job_timers.begin()->first);
    }
    if (truth.scheduled) {
        next = std::min(next, truth.scheduled->policy.effective_from);
    }
    next = std::min(next, next_layer(*this));
    if (const std::optional<Moment> expiry = truth.ledger.next_expiry()) {
        next = std::min(next, *expiry);
    }
    if (const std::optional<Moment> opening = khu::next_opening(*this)) {
        next = std::min(next, *opening);
    }
    next =
        std::min({next, month_due_at, grant_due_at, reservation_due_at, eta_due_at, floor.due_at});
    if (const std::optional<Moment> begin = scheduler.next_wake()) {
        next = std::min(next, *begin);
    }
    return next;
}

const ZoneId& zone_name(const State& state) {
    return state.truth.policy ? state.truth.policy->zone.id : state.truth.zone;
}

ReviewContext review_context(const State& state, Moment now) {
    ReviewContext context{.now = now, .used_ids = state.truth.policy_ids};
    if (state.truth.policy) {
        context.running = &written_policy(state.truth);
    }
    context.above = rules_above(state.truth);
    for (const auto& [id, booked] : state.truth.booked) {
        if (!booked.cancelled) {
            (booked.of_policy ? context.firm : context.booked).push_back(booked.what);
        }
    }
    for (const auto& [id, grant] : state.truth.ledger.grants()) {
        bool listed = false;
        if (const Enterprise* enterprise =
                context.running == nullptr ? nullptr
                                           : find_enterprise(*context.running, grant.enterprise)) {
            listed = std::ranges::any_of(enterprise->grants,
                                         [&](const PolicyGrant& each) { return each.id == id; });
        }
        context.grants[id] =
            GrantUse{.enterprise = grant.enterprise,
                     .used_and_held = std::max(Atoms{0}, grant.spent + grant.held - grant.moved_in),
                     .live = state_of(grant, now) != GrantState::Closed,
                     .from_policy = listed,
                     .voucher = grant.voucher};
        if (!grant.voucher.empty()) {
            context.vouchers.emplace(grant.voucher, id);
        }
    }
    for (const auto& [resource, users] : state.counted_use) {
        context.resources_used.emplace(resource, counted_in_use(state, resource));
    }
    for (const auto& [account, purse] : state.truth.ledger.purses()) {
        const std::string owner = account.substr(account.find(':') + 1);
        if (account.starts_with("funder:")) {
            context.funders_used[FunderId{owner}] = purse.spent + purse.held;
        } else if (account.starts_with("wallet:")) {
            context.credit_used[EnterpriseId{owner}] = purse.spent + purse.held - purse.paid_in;
        }
    }
    return context;
}

void restore(State& state, Moment now) {
    state.age_day = day_of(now);
    for (const LayerRecord& record : state.truth.layers.records) {
        if (waits(record)) {
            state.layers_to_come.insert({record.rules.effective_from, record.rules.id});
        }
    }
    for (const auto& [id, node] : state.truth.nodes) {
        apply_detail::add_node(state, node);
        apply_detail::set_health(state, node);
        state.heard_at[id] = now;
    }
    if (state.truth.policy) {
        apply_detail::use_own_rules(state, now);
        apply_detail::use_partitions(state);
        apply_detail::use_fair_share(state);
        apply_detail::use_mixes(state);
        apply_detail::set_penalties(state, now);
        apply_detail::set_shares(state, now);
        state.scheduler.preemption(preemption_rule(*state.truth.policy));
        state.budgets_due = !budgets_due(state).empty();
        state.month_due_at = next_month_event(state);
    }
    for (auto& [id, job] : state.truth.jobs) {
        apply_detail::share_names(state, job.spec);
        apply_detail::index_dependencies(state, job);
        apply_detail::review_array(state, job);
        if (live_attempt(job) != nullptr) {
            apply_detail::take_resources(state, job);
            apply_detail::count_start(state, job, false);
        } else {
            apply_detail::enter_queue(state, job, now);
        }
        if (const std::optional<Moment> timer = apply_detail::timer_of(job)) {
            state.job_timers.insert({*timer, id});
        }
    }
    for (const auto& [id, node] : state.truth.nodes) {
        apply_detail::rate_node(state, node);
    }
    apply_detail::use_calendar(state);
    refresh_lending(state);
    for (const auto& [id, place] : state.truth.promises) {
        state.scheduler.place_promised(id, place.nodes, place.by, place.alternative);
    }
    apply_detail::index_reports(state);
    for (auto& [id, ended] : state.truth.ended) {
        state.names.share(ended.enterprise.value);
    }
    for (auto entry = state.truth.keys.cbegin(); entry != state.truth.keys.cend(); ++entry) {
        state.key_ages.push_back(entry);
    }
    std::ranges::sort(state.key_ages, {}, [](const auto& entry) { return entry->second.at; });
}

}  // namespace khu
