/// Commands of admins about the policy and the grants.

#include "core/machine/decide.h"
#include "core/policy/review.h"

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

/// Errors: N403; H422 with the first complaint if the policy contradicts the state, as it is now.
Decided on(State& state, const ApplyPolicy& command, Moment now) {
    if (auto role = need_role(command.who, Role::ZoneAdmin, "policy apply"); !role) {
        return Unexpected{std::move(role).error()};
    }
    const PolicyId in_force = state.truth.policy ? state.truth.policy->id : PolicyId{};
    if (!command.expected.empty() && command.expected != in_force) {
        return Unexpected{Refusal(Code::PolicyChanged)
                              .with("expected", command.expected.value)
                              .with("in_force", in_force.value)};
    }
    for (const Complaint& complaint : review(command.policy, review_context(state, now))) {
        if (complaint.severity == Severity::Error) {
            return Unexpected{Refusal(Code::BadField)
                                  .with("field", complaint.path)
                                  .with("why", complaint.code + " " + complaint.text_en)};
        }
    }
    return Decision{.facts = {PolicyApplied{
                        .policy = command.policy, .text = command.text, .by = command.who.user}}};
}

/// Errors: N403, A133 (enterprise, programme), L204, H422.
Decided on(State& state, const ApproveGrant& command, Moment) {
    if (auto role = need_role(command.who, Role::ZoneAdmin, "grant approve"); !role) {
        return Unexpected{std::move(role).error()};
    }
    const Policy* policy = state.truth.policy ? &*state.truth.policy : nullptr;
    const auto unknown = [](const char* what, const std::string& name) {
        return Unexpected{Refusal(Code::UnknownName)
                              .with("what", what)
                              .with("name", name)
                              .with("known", "see khu policy show")
                              .with("nearest", "-")};
    };
    if (policy == nullptr || find_enterprise(*policy, command.offer.enterprise) == nullptr) {
        return unknown("enterprise", command.offer.enterprise.value);
    }
    if (find_programme(*policy, command.offer.programme) == nullptr) {
        return unknown("programme", command.offer.programme.value);
    }
    return only_if(state.truth.ledger.can_open(command.offer),
                   GrantOpened{.offer = command.offer, .by = command.who.user});
}

/// Errors: N403, L202, L203, H422.
Decided on(State& state, const ExtendGrant& command, Moment now) {
    if (auto role = need_role(command.who, Role::ZoneAdmin, "grant extend"); !role) {
        return Unexpected{std::move(role).error()};
    }
    return only_if(state.truth.ledger.can_extend(command.extension, now),
                   GrantExtended{.extension = command.extension, .by = command.who.user});
}

/// Errors: N403, L202, L203.
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

}  // namespace khu::decide_detail
