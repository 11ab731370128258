#pragma once

/// \file
/// One request on its way through the API: who asks for what, and the way to answer. Handlers are
/// free functions, grouped by what they speak of; routes.cc lists them.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/limits.h"
#include "daemon/agents.h"
#include "daemon/engine.h"
#include "daemon/http/conditional.h"
#include "daemon/http/problem.h"
#include "daemon/identity.h"
#include "daemon/performer.h"
#include "daemon/rate_limit.h"
#include "wire/json.h"
#include "wire/net/certificates.h"
#include "wire/net/server.h"

namespace khu::daemon {

/// What the handlers work with; all of it outlives the server.
struct Services {
    Engine& engine;
    Store& store;
    Agents& agents;
    ZonePerformer& performer;
    Events& events;
    IdentityBook& identities;
    const Pseudonyms& pseudonyms;
    ZoneId zone;
    wire::net::Identity authority;                ///< signs agents' certificates
    Span certificate_life{wire::net::kLeafLife};  ///< of nodes
    RateLimiter rates{};
};

struct CallData {
    wire::net::Request request;
    wire::net::Responder responder;
    Caller caller;
    Language language{Language::English};
    std::vector<std::string> parts;  ///< the path's variable parts, in order
    Services& services;
};
/// Shared, because answers come later and from other threads.
using Call = std::shared_ptr<CallData>;

inline void refuse(const Call& call, const Refusal& why) {
    call->responder.send(problem(why, call->language));
}

/// The JSON is written on an I/O thread, not on the one that answers.
template <class T>
void answer(const Call& call, T value, wire::net::Headers headers = {}) {
    call->responder.make([call, value = std::move(value), headers = std::move(headers)] {
        wire::net::Response response;
        response.headers = headers;
        response.body = wire::to_json_text(value);
        return conditional(call->request, std::move(response));
    });
}

/// The body as a T, unknown keys refused; or the refusal has been sent and there is none.
template <class T>
std::optional<T> body_of(const Call& call) {
    auto value = wire::from_json_text<T>(call->request.body, wire::Unknown::Refuse);
    if (value) {
        return std::move(value).value();
    }
    const wire::JsonError& error = value.error();
    if (error.path.empty()) {
        refuse(call, Refusal(Code::BadJson)
                         .with("why", error.why)
                         .with("offset", static_cast<std::int64_t>(error.offset)));
    } else {
        refuse(call, Refusal(Code::BadField).with("field", error.path).with("why", error.why));
    }
    return std::nullopt;
}

/// A query parameter; empty if it is not there.
inline std::string query(const Call& call, std::string_view name) {
    const auto found = call->request.query.find(name);
    return found == call->request.query.end() ? std::string() : found->second;
}

/// A whole number >= 0 of the path or query; none if it is not one.
std::optional<std::int64_t> whole_number(std::string_view text);
/// "RQ-7" with the prefix "RQ-" -> 7; none if it is not of that form.
std::optional<std::uint64_t> number_after(std::string_view prefix, std::string_view text);

/// Asks the engine and answers with what `make` gives: a T, or an Expected<T, Refusal>.
template <class Make>
void answer_from_state(const Call& call, Make make) {
    call->services.engine.ask([call, make](State& state, Moment now) {
        auto made = make(state, now);
        if constexpr (requires { made.has_value(); }) {
            if (!made) {
                refuse(call, made.error());
            } else {
                answer(call, *std::move(made));
            }
        } else {
            answer(call, std::move(made));
        }
    });
}

/// Answers with the grant as it is once the command is done, or with the refusal.
void tell_and_show_grant(const Call& call, Command command, GrantId id);

// --- Handlers ----------------------------------------------------------------------

void submit_job(const Call& call);
void list_jobs(const Call& call);
void show_job(const Call& call);
void change_job(const Call& call);
void update_job(const Call& call);
void wait_job(const Call& call);
void job_log(const Call& call);
void show_queue(const Call& call);
void explain_job(const Call& call);
void quote_job(const Call& call);

void show_stats(const Call& call);

void list_nodes(const Call& call);
void show_node(const Call& call);
void drain_node(const Call& call);
void resume_node(const Call& call);

void show_balance(const Call& call);
void list_grants(const Call& call);
void approve_grant(const Call& call);
void change_grant(const Call& call);
void cap_project(const Call& call);
void request_grant(const Call& call);
void list_grant_requests(const Call& call);
void decide_grant_request(const Call& call);
void import_grants(const Call& call);
void export_grants(const Call& call);
void deliver_report(const Call& call);
void return_report(const Call& call);
void transfer_grant(const Call& call);

void ask_refund(const Call& call);
void list_refunds(const Call& call);
void decide_refund(const Call& call);

void list_resources(const Call& call);
void list_reservations(const Call& call);
void book_reservation(const Call& call);
void cancel_reservation(const Call& call);

void list_purses(const Call& call);
void pay_in(const Call& call);

void show_policy(const Call& call);
void check_policy(const Call& call);
void apply_policy(const Call& call);
void list_policies(const Call& call);
void roll_back_policy(const Call& call);
void show_layer(const Call& call);
void apply_layer(const Call& call);
void check_layer(const Call& call);
void roll_back_layer(const Call& call);
void list_layers(const Call& call);

void report_jobs(const Call& call);
void report_manifest(const Call& call);
void report_focus(const Call& call);
void focus_manifest(const Call& call);
void report_services(const Call& call);
void services_manifest(const Call& call);
void take_readings(const Call& call);
void import_readings(const Call& call);
void report_ledger(const Call& call);
void ledger_manifest(const Call& call);
void report_zone_month(const Call& call);
void zone_month_manifest(const Call& call);
void report_statement(const Call& call);
void statement_manifest(const Call& call);
void report_statements(const Call& call);
void statements_manifest(const Call& call);
void verify_ledger(const Call& call);

void list_tokens(const Call& call);
void make_token(const Call& call);
void revoke_token(const Call& call);
void join(const Call& call);
void renew(const Call& call);
void who_am_i(const Call& call);

void show_dashboard(const Call& call);
void dashboard_script(const Call& call);
void dashboard_style(const Call& call);

void watch_events(const Call& call);
void show_version(const Call& call);
void healthz(const Call& call);
void metrics(const Call& call);

}  // namespace khu::daemon
