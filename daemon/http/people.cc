/// Tokens, joining, who am I; the events, the version, health and metrics.

#include <algorithm>

#include "core/base/enum_name.h"
#include "core/base/limits.h"
#include "core/machine/apply.h"
#include "daemon/http/call.h"

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

/// A fact as a line of the feed: {"seq":7,"at":...,"fact":{...}}.
std::string feed_line(EventSeq seq, Moment at, const std::string& fact) {
    return "{\"seq\":" + std::to_string(seq.value) +
           ",\"at\":" + wire::to_json_text(wire::Timestamp{at}) + ",\"fact\":" + fact + "}\n";
}

/// The past is for those who may read all of the zone: a stored fact does not name its enterprise.
bool replay_past(const Call& call, wire::net::Stream& stream, EventSeq from) {
    constexpr std::int64_t page = 1000;
    for (EventSeq next = from;;) {
        const auto facts = call->services.store.facts(next, page);
        if (!facts) {
            return false;
        }
        for (const StoredFact& fact : *facts) {
            if (!stream.write(feed_line(fact.seq, fact.at, fact.json))) {
                return false;
            }
        }
        if (static_cast<std::int64_t>(facts->size()) < page) {
            return true;
        }
        next = EventSeq{facts->back().seq.value + 1};
    }
}

void add_metric(std::string& out, const char* name, const char* kind, const char* help,
                std::uint64_t value) {
    const bool counter = std::string_view(kind) == "counter";
    out += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + kind + "\n" +
           name + (counter ? "_total " : " ") + std::to_string(value) + "\n";
}

}  // namespace

void list_tokens(const Call& call) {
    if (admin_only(call, "token list")) {
        answer(call, wire::TokenPage{call->services.identities.list()});
    }
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
    const auto certificate = wire::net::sign_request(call->services.authority, request->csr_pem,
                                                     NodeName{request->node}, now);
    if (!certificate) {
        refuse(call, certificate.error());
        return;
    }
    answer(call, wire::JoinAnswer{.certificate_pem = *certificate,
                                  .ca_pem = call->services.authority.certificate,
                                  .zone = call->services.zone.value});
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

/// JSON lines, first the past from `from`, then what happens, until the caller goes away.
void watch_events(const Call& call) {
    const Identity who = call->caller.who;
    const bool sees_all = who.has(Role::ZoneAdmin) || who.has(Role::Auditor);
    const std::optional<std::int64_t> from = whole_number(query(call, "from"));
    if (from && !sees_all) {
        refuse(call, decide_detail::need_role(who, Role::ZoneAdmin, "watch --from").error());
        return;
    }
    wire::net::Response head;
    head.content_type = "application/jsonl";
    wire::net::Stream stream = call->responder.stream(std::move(head));
    const auto sent_to = std::make_shared<std::uint64_t>(0);
    if (from && !replay_past(call, stream, EventSeq{static_cast<std::uint64_t>(*from)})) {
        stream.close();
        return;
    }
    call->services.performer.feed().watch([who, sees_all, stream](const FeedItem& item) mutable {
        if (!stream.alive()) {
            return false;
        }
        const bool own = !item.enterprise.empty() && item.enterprise == who.enterprise;
        return (sees_all || own) ? stream.write(feed_line(item.seq, item.at, item.json)) : true;
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
        out += "# EOF\n";
        wire::net::Response response;
        response.content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        response.body = std::move(out);
        call->responder.send(std::move(response));
    });
}

}  // namespace khu::daemon
