#include "core/machine/grant_rules.h"

#include <algorithm>

#include "core/machine/citing.h"
#include "core/policy/review.h"

namespace khu {
namespace {

/// The enterprise as it would stand in the policy's file with all its grants that are not over.
Enterprise with_grants(const Enterprise& enterprise, const Ledger& books, Moment now) {
    Enterprise whole = enterprise;
    whole.grants.clear();
    for (const Grant& grant : books.balance(enterprise.id)) {
        const GrantState state = state_of(grant, now);
        const bool over = state == GrantState::Closing || state == GrantState::Closed;
        if (!over && !grant.makegood && grant.overrun_of.empty()) {
            whole.grants.push_back({.id = grant.id,
                                    .programme = grant.programme,
                                    .amount = offered(grant),
                                    .window = {grant.from, grant.to},
                                    .decision_ref = grant.decision_ref,
                                    .permit = ""});
        }
    }
    return whole;
}

/// L210 with every complaint of the policy's own review.
Expected<Done, Refusal> inside_rules(const State& state, const Ledger& books,
                                     const EnterpriseId& owner, const PolicyGrant& grant,
                                     Moment now) {
    const Policy* policy = state.truth.policy ? &*state.truth.policy : nullptr;
    const Enterprise* enterprise = policy == nullptr ? nullptr : find_enterprise(*policy, owner);
    if (enterprise == nullptr) {
        return Unexpected{not_in_policy("enterprise", owner.value)};
    }
    if (find_programme(*policy, grant.programme) == nullptr) {
        return Unexpected{not_in_policy("programme", grant.programme.value)};
    }
    Enterprise whole = with_grants(*enterprise, books, now);
    std::erase_if(whole.grants, [&](const PolicyGrant& other) { return other.id == grant.id; });
    whole.grants.push_back(grant);
    std::string why_en;
    std::string why_vi;
    for (Complaint& complaint : review_grant(*policy, whole, grant)) {
        if (!complaint.limit_key.empty()) {
            complaint.limit = source_of(state, complaint.limit_key);
        }
        why_en += (why_en.empty() ? "" : "; ") + complaint.code + " " +
                  text(complaint, Language::English);
        why_vi += (why_vi.empty() ? "" : "; ") + complaint.code + " " +
                  text(complaint, Language::Vietnamese);
    }
    if (why_en.empty()) {
        return Done{};
    }
    return Unexpected{
        Refusal(Code::GrantNotAllowed)
            .with("grant", grant.id.value)
            .with("why", why_en)
            .with("why_vi", why_vi)
            .with("asked_ugs", grant.amount.value)
            .with("most_ugs", find_programme(*policy, grant.programme)->grant.max.value)};
}

}  // namespace

Refusal not_in_policy(std::string what, std::string name) {
    return Refusal(Code::UnknownName)
        .with("what", std::move(what))
        .with("name", std::move(name))
        .with("known", "see khu policy show")
        .with("nearest", "-");
}

bool is_known(const State& state, const EnterpriseId& enterprise) {
    const Truth& truth = state.truth;
    return (truth.policy && find_enterprise(*truth.policy, enterprise) != nullptr) ||
           !truth.ledger.balance(enterprise).empty() ||
           truth.ledger.find_purse(wallet_account(enterprise)) != nullptr ||
           truth.ledger.find_purse(owed_account(enterprise)) != nullptr;
}

Expected<Done, Refusal> may_grant(const State& state, const Ledger& books, const GrantOffer& offer,
                                  Moment now) {
    if (auto open = books.can_open(offer); !open) {
        return open;
    }
    if (books.find(offer.id) != nullptr) {
        return Done{};  // The very same: it opens nothing.
    }
    const PolicyGrant grant{.id = offer.id,
                            .programme = offer.programme,
                            .amount = offer.amount,
                            .window = {offer.from, offer.to},
                            .decision_ref = offer.decision_ref,
                            .permit = offer.permit};
    return inside_rules(state, books, offer.enterprise, grant, now);
}

Expected<Done, Refusal> may_extend(const State& state, const GrantExtension& extension,
                                   Moment now) {
    const Ledger& books = state.truth.ledger;
    const Grant& known = *books.find(extension.id);
    const PolicyGrant grant{
        .id = known.id,
        .programme = known.programme,
        .amount = offered(known) + extension.add,
        .window = {known.from, extension.to == Moment{} ? known.to : extension.to},
        .decision_ref = extension.decision_ref,
        .permit = known.permit};
    return inside_rules(state, books, known.enterprise, grant, now);
}

Expected<Done, Refusal> may_take(const State& state, const GrantId& id, Atoms more, Moment now) {
    const Ledger& books = state.truth.ledger;
    const Grant& known = *books.find(id);
    const PolicyGrant grant{.id = known.id,
                            .programme = known.programme,
                            .amount = std::max(offered(known), whole(known)) + more,
                            .window = {known.from, known.to},
                            .decision_ref = known.decision_ref,
                            .permit = known.permit};
    return inside_rules(state, books, known.enterprise, grant, now);
}

int tranches_in(const Policy& policy, const ProgrammeId& id) {
    const Programme* programme = find_programme(policy, id);
    return programme != nullptr && programme->grant.tranche == Tranche::Quarter ? 4 : 1;
}

Atoms granted_together(const Ledger& books, const EnterpriseId& enterprise,
                       const ProgrammeId& programme, Window window) {
    Atoms sum;
    for (const Grant& grant : books.balance(enterprise)) {
        if (!grant.makegood && grant.overrun_of.empty() && grant.programme == programme &&
            grant.from < window.to && window.from < grant.to) {
            sum += offered(grant);
        }
    }
    return sum;
}

}  // namespace khu
