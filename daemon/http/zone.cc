/// Nodes, grants and balance.

#include "daemon/http/paging.h"
#include "daemon/views.h"

namespace khu::daemon {
namespace {

Expected<wire::NodeView, Refusal> node_named(const Call& call, State& state, bool whole) {
    const NodeRecord* node = state.find_node(NodeName{call->parts.at(0)});
    if (node == nullptr) {
        return Unexpected{Refusal(Code::UnknownNode).with("node", call->parts.at(0).substr(0, 64))};
    }
    return node_view(state, *node, {whole, call->language}, call->caller.who);
}

void tell_and_show_node(const Call& call, Command command) {
    call->services.engine.tell(std::move(command), [call](const Answer& told) {
        if (told.refusal) {
            refuse(call, *told.refusal);
            return;
        }
        answer_from_state(call,
                          [call](State& state, Moment) { return node_named(call, state, false); });
    });
}

/// Whose grants or balance is asked for: an admin may name an enterprise, others have their own.
EnterpriseId asked_enterprise(const Call& call) {
    const Identity& who = call->caller.who;
    const std::string named = query(call, "enterprise");
    const bool sees_all = who.has(Role::ZoneAdmin) || who.has(Role::Auditor);
    return sees_all ? EnterpriseId{named} : who.enterprise;
}

}  // namespace

void tell_and_show_grant(const Call& call, Command command, GrantId id) {
    call->services.engine.tell(std::move(command), [call, id](const Answer& told) {
        if (told.refusal) {
            refuse(call, *told.refusal);
            return;
        }
        answer_from_state(
            call, [id](State& state, Moment now) -> Expected<wire::GrantView, Refusal> {
                const Grant* grant = state.truth.ledger.find(id);
                if (grant == nullptr) {
                    return Unexpected{Refusal(Code::UnknownGrant).with("grant", id.value)};
                }
                return grant_view(state, *grant, now);
            });
    });
}

void list_nodes(const Call& call) {
    const auto paging = paging_of(call, "n", 1);
    if (!paging) {
        refuse(call, paging.error());
        return;
    }
    std::optional<NodeId> after;
    if (!paging->after.empty()) {
        const std::optional<std::int64_t> number = whole_number(paging->after.front());
        if (!number) {
            refuse(call, bad_cursor());
            return;
        }
        after = NodeId{static_cast<std::uint64_t>(*number)};
    }
    answer_from_state(call, [call, after, limit = paging->limit](State& state, Moment) {
        wire::NodePage page;
        page.next = fill_page(
            page.nodes, state.truth.nodes, after, limit,
            [&](const NodeRecord& node) {
                return std::optional(
                    node_view(state, node, {false, call->language}, call->caller.who));
            },
            [](NodeId id) { return cursor("n", {std::to_string(id.value)}); });
        return page;
    });
}

void show_node(const Call& call) {
    answer_from_state(call, [call](State& state, Moment) { return node_named(call, state, true); });
}

void drain_node(const Call& call) {
    if (const auto request = body_of<wire::ReasonRequest>(call)) {
        tell_and_show_node(call, DrainNode{.who = call->caller.who,
                                           .node = NodeName{call->parts.at(0)},
                                           .reason = request->reason});
    }
}

void resume_node(const Call& call) {
    tell_and_show_node(call,
                       ResumeNode{.who = call->caller.who, .node = NodeName{call->parts.at(0)}});
}

void show_balance(const Call& call) {
    const EnterpriseId enterprise = asked_enterprise(call);
    answer_from_state(
        call, [enterprise](State& state, Moment now) { return balance(state, enterprise, now); });
}

void list_grants(const Call& call) {
    const EnterpriseId enterprise = asked_enterprise(call);
    const auto paging = paging_of(call, "g", 1);
    if (!paging) {
        refuse(call, paging.error());
        return;
    }
    const auto after = paging->after.empty() ? std::optional<GrantId>{}
                                             : std::optional(GrantId{paging->after.front()});
    const std::string voucher = query(call, "voucher");
    answer_from_state(
        call, [enterprise, after, voucher, limit = paging->limit](State& state, Moment now) {
            wire::GrantPage page;
            page.next = fill_page(
                page.grants, state.truth.ledger.grants(), after, limit,
                [&](const Grant& grant) {
                    const bool wanted = (enterprise.empty() || grant.enterprise == enterprise) &&
                                        (voucher.empty() || grant.voucher == voucher);
                    return wanted ? std::optional(grant_view(state, grant, now)) : std::nullopt;
                },
                [](const GrantId& id) { return cursor("g", {id.value}); });
            return page;
        });
}

void approve_grant(const Call& call) {
    const auto request = body_of<wire::GrantRequest>(call);
    if (!request) {
        return;
    }
    GrantOffer offer{.id = GrantId{request->grant},
                     .enterprise = EnterpriseId{request->enterprise},
                     .programme = ProgrammeId{request->programme},
                     .amount = request->amount_ugs,
                     .from = request->from_at,
                     .to = request->to_at,
                     .decision_ref = request->decision_ref,
                     .permit = request->permit,
                     .voucher = request->voucher};
    const GrantId id = offer.id;
    tell_and_show_grant(call, ApproveGrants{.who = call->caller.who, .offers = {std::move(offer)}},
                        id);
}

void cap_project(const Call& call) {
    if (const auto request = body_of<wire::ProjectCapRequest>(call)) {
        const GrantId id{call->parts.at(0)};
        tell_and_show_grant(call,
                            CapProject{.who = call->caller.who,
                                       .grant = id,
                                       .project = call->parts.at(1),
                                       .cap = request->cap_ugs,
                                       .lift = request->lift},
                            id);
    }
}

void change_grant(const Call& call) {
    const GrantId id{call->parts.at(0)};
    const std::string verb = call->parts.at(1);
    const auto request = body_of<wire::GrantChange>(call);
    if (!request) {
        return;
    }
    if (verb == "extend") {
        const GrantExtension extension{.id = id,
                                       .add = request->add_ugs,
                                       .to = request->to_at,
                                       .decision_ref = request->decision_ref};
        tell_and_show_grant(call, ExtendGrant{.who = call->caller.who, .extension = extension}, id);
        return;
    }
    if (verb == "advance") {
        tell_and_show_grant(
            call, AdvanceGrant{.who = call->caller.who, .grant = id, .amount = request->add_ugs},
            id);
        return;
    }
    ChangeGrant command{.who = call->caller.who, .grant = id, .reason = request->reason};
    if (verb == "suspend") {
        command.verb = GrantVerb::Suspend;
    } else if (verb == "resume") {
        command.verb = GrantVerb::Resume;
    } else if (verb == "close") {
        command.verb = GrantVerb::Close;
    } else {
        refuse(call, Refusal(Code::NoRoute)
                         .with("method", call->request.method)
                         .with("path", call->request.path.substr(0, 200)));
        return;
    }
    tell_and_show_grant(call, std::move(command), id);
}

}  // namespace khu::daemon
