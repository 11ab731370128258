/// Commands of admins about grants.

#include <algorithm>

#include "core/machine/decide.h"
#include "core/machine/grant_rules.h"

namespace khu::decide_detail {
namespace {

/// The ledger's answer to whether something may be done becomes facts or the refusal.
Decided only_if(Expected<Done, Refusal> allowed, Fact fact) {
    if (!allowed) {
        return Unexpected{std::move(allowed).error()};
    }
    return Decision{.facts = {std::move(fact)}};
}

}  // namespace

Refusal in_row(const Refusal& why, std::int64_t line) {
    return Refusal(Code::BadImport)
        .with("line", line)
        .with("why", std::string(info(why.code).id) + " " + text(why, Language::English))
        .with("why_vi", std::string(info(why.code).id) + " " + text(why, Language::Vietnamese));
}

/// All of them or none: each is judged as if those before it were open already.
/// Errors: N403, A133 (enterprise, programme), L200, L210, H422; R304 around them for a row of a
/// file.
Decided on(State& state, const ApproveGrants& command, Moment now) {
    if (auto role = need_role(command.who, Role::ZoneAdmin, "grant approve"); !role) {
        return Unexpected{std::move(role).error()};
    }
    Decision decision;
    Ledger books = state.truth.ledger;
    for (std::size_t i = 0; i < command.offers.size(); ++i) {
        GrantOffer offer = command.offers[i];
        offer.tranches = state.truth.policy ? tranches_in(*state.truth.policy, offer.programme) : 1;
        if (auto allowed = may_grant(state, books, offer, now); !allowed) {
            return Unexpected{command.lines.empty() ? std::move(allowed).error()
                                                    : in_row(allowed.error(), command.lines.at(i))};
        }
        if (books.find(offer.id) != nullptr) {
            continue;  // The very same: it is open already.
        }
        books.open(offer, now, PolicyId{});
        decision.facts.push_back(GrantOpened{.offer = offer, .by = command.who.user});
    }
    return decision;
}

/// Errors: N403, L202, L217, L210, H422.
Decided on(State& state, const ExtendGrant& command, Moment now) {
    if (auto role = need_role(command.who, Role::ZoneAdmin, "grant extend"); !role) {
        return Unexpected{std::move(role).error()};
    }
    if (auto allowed = state.truth.ledger.can_extend(command.extension, now); !allowed) {
        return Unexpected{std::move(allowed).error()};
    }
    return only_if(may_extend(state, command.extension, now),
                   GrantExtended{.extension = command.extension, .by = command.who.user});
}

/// Errors: N403, L202, L217.
Decided on(State& state, const ChangeGrant& command, Moment now) {
    if (auto role = need_role(command.who, Role::ZoneAdmin, "grant change"); !role) {
        return Unexpected{std::move(role).error()};
    }
    const Ledger& ledger = state.truth.ledger;
    switch (command.verb) {
        case GrantVerb::Suspend:
            return only_if(
                ledger.can_suspend(command.grant, now),
                GrantSuspended{
                    .grant = command.grant, .reason = command.reason, .by = command.who.user});
        case GrantVerb::Resume:
            return only_if(ledger.can_resume(command.grant, now),
                           GrantResumed{.grant = command.grant, .by = command.who.user});
        case GrantVerb::Close:
            return only_if(
                ledger.can_close(command.grant, now),
                GrantClosed{
                    .grant = command.grant, .reason = command.reason, .by = command.who.user});
    }
    KHU_CHECK(false);
}

/// Errors: N403, L202, L217, H422. Somebody else's grant is as unknown as one that never was.
Decided on(State& state, const AdvanceGrant& command, Moment now) {
    const Ledger& ledger = state.truth.ledger;
    const Grant* grant = ledger.find(command.grant);
    if (grant == nullptr || !command.who.may_read(grant->enterprise) || !state.truth.policy) {
        return Unexpected{Refusal(Code::UnknownGrant).with("grant", command.grant.value)};
    }
    if (auto role = need_holder(state, command.who, grant->enterprise, "grant advance"); !role) {
        return Unexpected{std::move(role).error()};
    }
    const Programme* programme = find_programme(*state.truth.policy, grant->programme);
    const int most = programme == nullptr ? 0 : programme->advance_max_of_next_tranche_permille;
    return only_if(
        ledger.can_advance(command.grant, command.amount, most, now),
        GrantAdvanced{.grant = command.grant, .amount = command.amount, .by = command.who.user});
}

bool is_holder_of(const State& state, const Identity& who, const EnterpriseId& owner) {
    const Enterprise* enterprise =
        state.truth.policy ? find_enterprise(*state.truth.policy, owner) : nullptr;
    return enterprise != nullptr && who.enterprise == owner &&
           (is_holder(*enterprise, who.user) || who.has(Role::Holder));
}

Expected<Done, Refusal> need_holder(const State& state, const Identity& who,
                                    const EnterpriseId& owner, const std::string& verb) {
    if (is_holder_of(state, who, owner) || who.has(Role::ZoneAdmin)) {
        return Done{};
    }
    return Unexpected{Refusal(Code::Forbidden)
                          .with("verb", verb)
                          .with("role", "holder of " + owner.value)
                          .with("user", who.user.value)
                          .with("roles", who.has(Role::Holder) ? "holder of " + who.enterprise.value
                                                               : std::string("no such role"))};
}

/// Errors: N403, L202, L217, H422. Somebody else's grant is as unknown as one that never was.
Decided on(State& state, const CapProject& command, Moment now) {
    const Ledger& ledger = state.truth.ledger;
    const Grant* grant = ledger.find(command.grant);
    const bool seen = grant != nullptr && command.who.may_read(grant->enterprise);
    if (!seen) {
        return Unexpected{Refusal(Code::UnknownGrant).with("grant", command.grant.value)};
    }
    if (auto role = need_holder(state, command.who, grant->enterprise, "project cap"); !role) {
        return Unexpected{std::move(role).error()};
    }
    return only_if(ledger.can_cap(command.grant, command.project, command.cap, now),
                   ProjectCapSet{.grant = command.grant,
                                 .project = command.project,
                                 .cap = command.cap,
                                 .lifted = command.lift,
                                 .by = command.who.user});
}

}  // namespace khu::decide_detail
