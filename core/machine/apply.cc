#include "core/machine/apply.h"

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
    return std::visit([&](const auto& fact) { return apply_detail::on(state, fact, stamped.at); },
                      stamped.fact);
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

GrantOffer offer_of(const Enterprise& enterprise, const PolicyGrant& grant) {
    return {.id = grant.id,
            .enterprise = enterprise.id,
            .programme = grant.programme,
            .amount = grant.amount,
            .from = grant.window.from,
            .to = grant.window.to,
            .decision_ref = grant.decision_ref};
}

/// A grant of the policy that the ledger does not know is opened; one that has grown is extended.
/// review() has refused whatever would shrink one.
void bring_in(State& state, const Enterprise& enterprise, const PolicyGrant& grant, Moment at,
              Ledger::Entries& entries) {
    Ledger& ledger = state.truth.ledger;
    const PolicyId policy = policy_in_force(state);
    const Grant* known = ledger.find(grant.id);
    Ledger::Entries made;
    if (known == nullptr) {
        made = ledger.open(offer_of(enterprise, grant), at, policy);
    } else {
        const GrantExtension extension{
            .id = grant.id,
            .add = grant.amount > known->granted ? grant.amount - known->granted : Atoms{0},
            .to = grant.window.to > known->to ? grant.window.to : Moment{0},
            .decision_ref = grant.decision_ref};
        const bool grows = extension.add > Atoms{0} || extension.to > Moment{0};
        if (grows && ledger.can_extend(extension, at)) {
            made = ledger.extend(extension, at, policy);
        }
    }
    entries.insert(entries.end(), made.begin(), made.end());
}

}  // namespace

Effects on(State& state, const PolicyApplied& fact, Moment at) {
    Truth& truth = state.truth;
    const bool reorders = !truth.policy || truth.policy->priority != fact.policy.priority ||
                          truth.policy->qos != fact.policy.qos ||
                          truth.policy->partitions != fact.policy.partitions;
    truth.policy = fact.policy;
    truth.policy_text = fact.text;
    truth.policy_by = fact.by;
    truth.policy_at = at;
    truth.policy_ids.push_back(fact.policy.id);
    Ledger::Entries entries;
    for (const Enterprise& enterprise : fact.policy.enterprises) {
        for (const PolicyGrant& grant : enterprise.grants) {
            bring_in(state, enterprise, grant, at, entries);
        }
    }
    use_partitions(state);
    use_fair_share(state);
    if (reorders) {
        queue_anew(state, at);
    }
    state.scheduler.admission_changed();
    return posted(std::move(entries));
}

Effects on(State& state, const GrantOpened& fact, Moment at) {
    Effects effects = posted(state.truth.ledger.open(fact.offer, at, policy_in_force(state)));
    state.scheduler.admission_changed(fact.offer.enterprise);
    return effects;
}

Effects on(State& state, const GrantExtended& fact, Moment at) {
    Effects effects = posted(state.truth.ledger.extend(fact.extension, at, policy_in_force(state)));
    state.scheduler.admission_changed(state.truth.ledger.find(fact.extension.id)->enterprise);
    return effects;
}

Effects on(State& state, const GrantSuspended& fact, Moment) {
    state.truth.ledger.suspend(fact.grant, fact.reason);
    state.scheduler.admission_changed(state.truth.ledger.find(fact.grant)->enterprise);
    return {};
}

Effects on(State& state, const GrantResumed& fact, Moment) {
    state.truth.ledger.resume(fact.grant);
    state.scheduler.admission_changed(state.truth.ledger.find(fact.grant)->enterprise);
    return {};
}

Effects on(State& state, const GrantClosed& fact, Moment at) {
    Effects effects = posted(state.truth.ledger.close(fact.grant, at, policy_in_force(state)));
    state.scheduler.admission_changed(state.truth.ledger.find(fact.grant)->enterprise);
    return effects;
}

Effects on(State& state, const GrantsExpired&, Moment at) {
    Effects effects = posted(state.truth.ledger.expire(at, policy_in_force(state)));
    state.scheduler.admission_changed();
    return effects;
}

}  // namespace apply_detail
}  // namespace khu
