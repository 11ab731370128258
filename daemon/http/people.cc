/// Tokens, joining, who am I; the version, health and metrics.

#include <algorithm>

#include "core/base/enum_name.h"
#include "core/base/limits.h"
#include "core/machine/apply.h"
#include "daemon/http/paging.h"

#ifndef KHU_VERSION
#error "the build names the version"
#endif

namespace khu::daemon {
namespace {

bool admin_only(const Call& call, const char* verb) {
    auto role = decide_detail::need_role(call->caller.who, Role::ZoneAdmin, verb);
    if (!role) {
        refuse(call, role.error());
    }
    return role.has_value();
}

void add_metric(std::string& out, const char* name, const char* kind, const char* help,
                std::uint64_t value) {
    const bool counter = std::string_view(kind) == "counter";
    out += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + kind + "\n" +
           name + (counter ? "_total " : " ") + std::to_string(value) + "\n";
}

/// Signs a node's request and answers with the certificate.
void sign(const Call& call, const NodeName& node, const std::string& csr_pem) {
    const Services& services = call->services;
    const auto certificate = wire::net::sign_request(
        services.authority, csr_pem, node, services.engine.now(), services.certificate_life);
    if (!certificate) {
        refuse(call, certificate.error());
        return;
    }
    answer(call, wire::JoinAnswer{.certificate_pem = *certificate,
                                  .ca_pem = services.authority.certificate,
                                  .zone = services.zone.value});
}

}  // namespace

void list_tokens(const Call& call) {
    if (!admin_only(call, "token list")) {
        return;
    }
    const auto paging = paging_of(call, "t", 1);
    if (!paging) {
        refuse(call, paging.error());
        return;
    }
    const std::string after = paging->after.empty() ? "" : paging->after.front();
    wire::TokenPage page;
    page.tokens = call->services.identities.list(after, paging->limit + 1);
    if (static_cast<std::int64_t>(page.tokens.size()) > paging->limit) {
        page.tokens.pop_back();
        page.next = cursor("t", {page.tokens.back().id});
    }
    answer(call, page);
}

void make_token(const Call& call) {
    const auto request = body_of<wire::TokenRequest>(call);
    if (!request || !admin_only(call, "token create")) {
        return;
    }
    if (!request->join && request->user.empty()) {
        refuse(call, Refusal(Code::BadField).with("field", "user").with("why", "it is required"));
        return;
    }
    IdentityBook::Made made = IdentityBook::make(*request, call->services.engine.now());
    std::vector<KeyValue> rows{made.row};
    call->services.engine.store_values(
        std::move(rows), [call, made = std::move(made)](const Answer& told) {
            if (told.refusal) {
                refuse(call, *told.refusal);
                return;
            }
            call->services.identities.put(made.record);
            answer(call,
                   wire::TokenAnswer{.token = token_view(made.record.view), .secret = made.secret});
        });
}

void revoke_token(const Call& call) {
    if (!admin_only(call, "token revoke")) {
        return;
    }
    std::optional<TokenRecord> record = call->services.identities.find(call->parts.at(0));
    if (!record) {
        refuse(call, Refusal(Code::UnknownToken).with("token", call->parts.at(0).substr(0, 40)));
        return;
    }
    record->view.revoked = true;
    std::vector<KeyValue> rows{IdentityBook::row_of(*record)};
    call->services.engine.store_values(std::move(rows), [call, record](const Answer& told) {
        if (told.refusal) {
            refuse(call, *told.refusal);
            return;
        }
        call->services.identities.put(*record);
        answer(call, token_view(record->view));
    });
}

/// A join token and a signing request become the client certificate of a node.
void join(const Call& call) {
    const auto request = body_of<wire::JoinRequest>(call);
    if (!request) {
        return;
    }
    const Moment now = call->services.engine.now();
    const auto allowed = call->services.identities.may_join(request->token, request->node, now);
    if (!allowed) {
        refuse(call, allowed.error());
        return;
    }
    sign(call, NodeName{request->node}, request->csr_pem);
}

/// A node that shows its certificate gets the next one.
void renew(const Call& call) {
    const auto request = body_of<wire::RenewRequest>(call);
    if (!request) {
        return;
    }
    const std::string& subject = call->request.peer.certificate_subject;
    const std::string node(wire::net::node_of_subject(subject));
    if (node.empty()) {
        refuse(call, Refusal(Code::BadCertificate)
                         .with("subject", subject.empty() ? std::string("(none)") : subject)
                         .with("node", "?"));
        return;
    }
    sign(call, NodeName{node}, request->csr_pem);
}

void who_am_i(const Call& call) {
    answer_from_state(call, [call](State& state, Moment) {
        const Caller& caller = call->caller;
        wire::WhoAnswer who;
        who.zone = zone_name(state).value;
        who.user = caller.who.user.value;
        who.enterprise = caller.who.enterprise.value;
        who.how = caller.how;
        who.roles = {caller.who.roles.begin(), caller.who.roles.end()};
        for (const Grant& grant : state.truth.ledger.balance(caller.who.enterprise)) {
            if (std::ranges::find(who.programmes, grant.programme.value) == who.programmes.end()) {
                who.programmes.push_back(grant.programme.value);
            }
        }
        return who;
    });
}

void show_version(const Call& call) {
    wire::VersionAnswer version;
    version.version = KHU_VERSION;
    version.zone = call->services.zone.value;
    version.schema = kStoreVersion;
    answer(call, version);
}

void healthz(const Call& call) {
    wire::net::Response response;
    response.content_type = "text/plain";
    response.body = "ok\n";
    call->responder.send(std::move(response));
}

/// OpenMetrics text. Counts only: nothing here tells one enterprise about another.
void metrics(const Call& call) {
    call->services.engine.ask([call](State& state, Moment) {
        const EngineStats stats = call->services.engine.stats();
        std::string out;
        add_metric(out, "khu_commands", "counter", "Commands decided.", stats.commands);
        add_metric(out, "khu_facts", "counter", "Facts stored.", stats.facts);
        add_metric(out, "khu_batches", "counter", "Batches stored.", stats.batches);
        add_metric(out, "khu_store_failures", "counter", "Commits that failed.",
                   stats.store_failures);
        add_metric(out, "khu_commit_last_microseconds", "gauge", "Duration of the newest commit.",
                   stats.commit_last_us);
        add_metric(out, "khu_jobs_live", "gauge", "Jobs that wait or run.",
                   state.truth.jobs.size());
        add_metric(out, "khu_jobs_queued", "gauge", "Jobs that wait.",
                   state.scheduler.queue().size());
        add_metric(out, "khu_nodes", "gauge", "Nodes that have joined.", state.truth.nodes.size());
        add_metric(out, "khu_agents_connected", "gauge", "Agents connected now.",
                   call->services.agents.connected());
        add_metric(out, "khu_watchers", "gauge", "Those who watch events now.",
                   call->services.events.watchers());
        out += "# EOF\n";
        wire::net::Response response;
        response.content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        response.body = std::move(out);
        call->responder.send(std::move(response));
    });
}

}  // namespace khu::daemon
