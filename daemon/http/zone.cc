/// Nodes, grants, balance and policy.

#include "config/policy_reader.h"
#include "core/policy/diff.h"
#include "daemon/http/paging.h"
#include "daemon/views.h"

namespace khu::daemon {
namespace {

Expected<wire::NodeView, Refusal> node_named(const Call& call, State& state, bool whole) {
    const NodeRecord* node = state.find_node(NodeName{call->parts.at(0)});
    if (node == nullptr) {
        return Unexpected{Refusal(Code::UnknownNode).with("node", call->parts.at(0).substr(0, 64))};
    }
    return node_view(state, *node, whole, call->caller.who);
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

std::vector<wire::ComplaintView> shown(const std::vector<Complaint>& complaints,
                                       Language language) {
    std::vector<wire::ComplaintView> views;
    for (const Complaint& each : complaints) {
        wire::ComplaintView view;
        view.code = each.code;
        view.severity = each.severity == Severity::Error ? "error" : "warning";
        view.path = each.path;
        view.text = language == Language::English ? each.text_en : each.text_vi;
        view.place =
            each.file + ":" + std::to_string(each.line) + ":" + std::to_string(each.column);
        views.push_back(std::move(view));
    }
    return views;
}

/// The id in If-Match: `"dn-cvpm2-2026.2"`; empty: whatever is in force. What is no tag of a policy
/// is taken as it stands, and matches none.
PolicyId expected_policy(const Call& call) {
    std::string_view tag = call->request.header("If-Match");
    if (tag == "*") {
        return {};
    }
    if (tag.size() > 2 && tag.starts_with('"') && tag.ends_with('"')) {
        tag = tag.substr(1, tag.size() - 2);
    }
    return PolicyId{std::string(tag.substr(0, 200))};
}

/// Reads and reviews against the zone as it is.
struct Checked {
    wire::PolicyReview review;
    std::optional<Policy> policy;
};

Checked check(const State& state, const wire::PolicyRequest& request, Language language,
              Moment now) {
    config::PolicyCheck read = config::check_policy(request.text, request.file,
                                                    review_context(state, now), request.strict);
    Checked checked;
    wire::PolicyReview& review = checked.review;
    review.complaints = shown(read.complaints, language);
    review.not_in_force = read.not_in_force;
    review.accepted = read.policy.has_value() && !refuses(read.complaints, request.strict);
    if (state.truth.policy) {
        review.in_force = state.truth.policy->id.value;
    }
    if (read.policy) {
        review.policy = read.policy->id.value;
        if (state.truth.policy) {
            for (const PolicyChange& change : diff(*state.truth.policy, *read.policy)) {
                review.changes.push_back(show(change));
            }
        }
    }
    checked.policy = std::move(read.policy);
    return checked;
}

}  // namespace

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
                return std::optional(node_view(state, node, false, call->caller.who));
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
    answer_from_state(call, [enterprise, after, limit = paging->limit](State& state, Moment now) {
        wire::GrantPage page;
        page.next = fill_page(
            page.grants, state.truth.ledger.grants(), after, limit,
            [&](const Grant& grant) {
                const bool wanted = enterprise.empty() || grant.enterprise == enterprise;
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
    const GrantOffer offer{.id = GrantId{request->grant},
                           .enterprise = EnterpriseId{request->enterprise},
                           .programme = ProgrammeId{request->programme},
                           .amount = request->amount_ugs,
                           .from = request->from_at,
                           .to = request->to_at,
                           .decision_ref = request->decision_ref};
    tell_and_show_grant(call, ApproveGrant{.who = call->caller.who, .offer = offer}, offer.id);
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

void show_policy(const Call& call) {
    const Identity& who = call->caller.who;
    if (!who.has(Role::ZoneAdmin) && !who.has(Role::Auditor)) {
        // The file names every enterprise of the zone.
        refuse(call, decide_detail::need_role(who, Role::ZoneAdmin, "policy show").error());
        return;
    }
    call->services.engine.ask([call](State& state, Moment) {
        wire::PolicyAnswer shown_policy;
        if (state.truth.policy) {
            shown_policy.policy = state.truth.policy->id.value;
            shown_policy.text = state.truth.policy_text;
            shown_policy.applied_by = state.truth.policy_by.value;
            shown_policy.applied_at = state.truth.policy_at;
            shown_policy.effective_at = state.truth.policy->effective_from;
        }
        // An id is used once, so it is the tag; If-Match of an apply names it.
        std::string tag = '"' + shown_policy.policy + '"';
        answer(call, std::move(shown_policy), {{"ETag", std::move(tag)}});
    });
}

void check_policy(const Call& call) {
    const auto request = body_of<wire::PolicyRequest>(call);
    if (!request) {
        return;
    }
    if (auto role = decide_detail::need_role(call->caller.who, Role::ZoneAdmin, "policy check");
        !role) {
        refuse(call, role.error());
        return;
    }
    answer_from_state(call, [call, request](State& state, Moment now) {
        return check(state, *request, call->language, now).review;
    });
}

/// A policy with errors is answered with them and changes nothing.
void apply_policy(const Call& call) {
    const auto request = body_of<wire::PolicyRequest>(call);
    if (!request) {
        return;
    }
    if (auto role = decide_detail::need_role(call->caller.who, Role::ZoneAdmin, "policy apply");
        !role) {
        refuse(call, role.error());
        return;
    }
    call->services.engine.ask([call, request](State& state, Moment now) {
        Checked checked = check(state, *request, call->language, now);
        if (!checked.review.accepted || !checked.policy) {
            answer(call, checked.review);
            return;
        }
        ApplyPolicy command{.who = call->caller.who,
                            .policy = std::move(*checked.policy),
                            .text = request->text,
                            .expected = expected_policy(call)};
        call->services.engine.tell(std::move(command),
                                   [call, review = checked.review](const Answer& told) {
                                       if (told.refusal) {
                                           refuse(call, *told.refusal);
                                       } else {
                                           answer(call, review);
                                       }
                                   });
    });
}

}  // namespace khu::daemon
