/// Requests for grants: asked by a holder, decided by the policy's bound or by a zone admin.

#include <algorithm>

#include "core/base/limits.h"
#include "core/machine/decide.h"
#include "core/machine/grant_rules.h"

namespace khu::decide_detail {
namespace {

Refusal bad_field(const char* field, const char* why) {
    return Refusal(Code::BadField).with("field", field).with("why", why);
}

GrantOffer offer_for(const State& state, const GrantRequest& request, GrantId id,
                     std::string decision_ref) {
    return {
        .id = std::move(id),
        .enterprise = request.enterprise,
        .programme = request.programme,
        .amount = request.amount,
        .from = request.from,
        .to = request.to,
        .decision_ref = std::move(decision_ref),
        .permit = request.permit,
        .tranches = state.truth.policy ? tranches_in(*state.truth.policy, request.programme) : 1};
}

/// The next number whose name no grant has.
std::uint64_t next_number(const Truth& truth) {
    std::uint64_t number = truth.next_request;
    while (truth.ledger.find(GrantId{request_name(number)}) != nullptr) {
        ++number;
    }
    return number;
}

std::int64_t waiting(const Truth& truth, const EnterpriseId& enterprise) {
    return std::ranges::count_if(truth.requests, [&](const auto& each) {
        return each.second.state == RequestState::Waiting &&
               each.second.request.enterprise == enterprise;
    });
}

/// Together with what the enterprise has of the programme at that time, so that many small requests
/// are not let through where one large one would not be.
bool below_bound(const State& state, const GrantRequest& request) {
    const Atoms bound =
        find_programme(*state.truth.policy, request.programme)->grant.auto_approve_below;
    const Atoms together = granted_together(state.truth.ledger, request.enterprise,
                                            request.programme, {request.from, request.to}) +
                           request.amount;
    return together <= bound;
}

}  // namespace

/// Errors: N403, A133, L210 (never to be granted), L213, H422.
Decided on(State& state, const RequestGrant& command, Moment now) {
    GrantRequest request = command.request;
    if (auto allowed = need_holder(state, command.who, request.enterprise, "grant request");
        !allowed) {
        return Unexpected{std::move(allowed).error()};
    }
    const Programme* programme =
        state.truth.policy ? find_programme(*state.truth.policy, request.programme) : nullptr;
    request.number = next_number(state.truth);
    request.by = command.who.user;
    request.from = request.from == Moment{} ? now : request.from;
    if (request.to == Moment{} && programme != nullptr) {
        request.to = request.from + programme->grant.window;
    }
    if (static_cast<std::int64_t>(request.purpose.size()) > limits::purpose_bytes_max) {
        return Unexpected{bad_field("purpose", "at most 2000 bytes")};
    }
    const GrantOffer offer =
        offer_for(state, request, GrantId{request_name(request.number)}, "policy");
    if (auto allowed = may_grant(state, state.truth.ledger, offer, now); !allowed) {
        return Unexpected{std::move(allowed).error()};
    }
    const std::int64_t open = waiting(state.truth, request.enterprise);
    Decision decision{.request = request.number};
    decision.facts.push_back(GrantRequested{request});
    if (below_bound(state, request)) {
        decision.facts.push_back(GrantRequestDecided{.number = request.number,
                                                     .approved = true,
                                                     .decision_ref = offer.decision_ref,
                                                     .grant = offer.id});
        decision.facts.push_back(GrantOpened{.offer = offer, .by = command.who.user});
    } else if (open >= limits::grant_requests_waiting_max) {
        return Unexpected{Refusal(Code::TooManyGrantRequests)
                              .with("enterprise", request.enterprise.value)
                              .with("waiting", open)
                              .with("limit", limits::grant_requests_waiting_max)};
    }
    return decision;
}

/// Errors: N403, L211, L212; if it is approved also L200, L210.
Decided on(State& state, const DecideGrantRequest& command, Moment now) {
    if (auto role = need_role(command.who, Role::ZoneAdmin, "grant decide"); !role) {
        return Unexpected{std::move(role).error()};
    }
    const auto found = state.truth.requests.find(command.number);
    if (found == state.truth.requests.end()) {
        return Unexpected{
            Refusal(Code::UnknownGrantRequest).with("request", request_name(command.number))};
    }
    const GrantRequestRecord& record = found->second;
    if (record.state != RequestState::Waiting) {
        return Unexpected{
            Refusal(Code::GrantRequestDecidedAlready)
                .with("request", request_name(command.number))
                .with("state", record.state == RequestState::Approved ? "approved" : "refused")
                .with("by", record.decided_by.empty() ? "policy" : record.decided_by.value.str())
                .with("decided_at", record.decided_at.value)};
    }
    GrantRequestDecided decided{.number = command.number,
                                .approved = command.approve,
                                .reason = command.reason,
                                .decision_ref = command.decision_ref,
                                .by = command.who.user};
    Decision decision{.request = command.number};
    if (!command.approve) {
        if (command.reason.empty()) {
            return Unexpected{bad_field("reason", "a refusal needs its reason")};
        }
        decision.facts.push_back(std::move(decided));
        return decision;
    }
    if (command.decision_ref.empty()) {
        return Unexpected{bad_field("decision_ref", "an approval names the decision behind it")};
    }
    decided.grant = command.grant.empty() ? GrantId{request_name(command.number)} : command.grant;
    const GrantOffer offer = offer_for(state, record.request, decided.grant, command.decision_ref);
    if (auto allowed = may_grant(state, state.truth.ledger, offer, now); !allowed) {
        return Unexpected{std::move(allowed).error()};
    }
    decision.facts.push_back(std::move(decided));
    decision.facts.push_back(GrantOpened{.offer = offer, .by = command.who.user});
    return decision;
}

}  // namespace khu::decide_detail
