#include "daemon/http/routes.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace khu::daemon {
namespace {

struct Route {
    std::string_view method;
    std::string_view pattern;  ///< {} stands for one part of the path
    void (*handler)(const Call&);
    int cost{1};       ///< how many requests it counts for (limits.h: rates)
    bool open{false};  ///< needs no caller
};

// What costs more than an ordinary question, measured by the time it takes.
constexpr int kThought = 5;   // looks into the future, or at another machine
constexpr int kListing = 20;  // a page of 1,000 rows
constexpr int kBooks = 200;   // reads a month, or all, of the books

constexpr std::array kRoutes{
    Route{"POST", "/v1/jobs", submit_job},
    Route{"GET", "/v1/jobs", list_jobs, kListing},
    Route{"GET", "/v1/jobs/{}", show_job, kThought},
    Route{"GET", "/v1/jobs/{}/wait", wait_job},
    Route{"GET", "/v1/jobs/{}/log", job_log, kThought},
    Route{"POST", "/v1/jobs/{}/update", update_job},
    Route{"POST", "/v1/jobs/{}/{}", change_job},
    Route{"GET", "/v1/queue", show_queue, kListing},
    Route{"GET", "/v1/why/{}", explain_job, kThought},
    Route{"POST", "/v1/quote", quote_job, kThought},
    Route{"GET", "/v1/stats", show_stats, kListing},
    Route{"GET", "/v1/nodes", list_nodes, kListing},
    Route{"GET", "/v1/nodes/{}", show_node},
    Route{"POST", "/v1/nodes/{}/drain", drain_node},
    Route{"POST", "/v1/nodes/{}/resume", resume_node},
    Route{"GET", "/v1/balance", show_balance, kListing},
    Route{"GET", "/v1/grants", list_grants, kListing},
    Route{"POST", "/v1/grants", approve_grant},
    Route{"POST", "/v1/grants/import", import_grants, kBooks},
    Route{"GET", "/v1/grants/export", export_grants, kBooks},
    Route{"GET", "/v1/grants/requests", list_grant_requests, kListing},
    Route{"POST", "/v1/grants/requests", request_grant},
    Route{"POST", "/v1/grants/requests/{}/{}", decide_grant_request},
    Route{"POST", "/v1/grants/{}/projects/{}", cap_project},
    Route{"POST", "/v1/grants/{}/report", deliver_report},
    Route{"POST", "/v1/grants/{}/return-report", return_report},
    Route{"POST", "/v1/grants/{}/transfer", transfer_grant},
    Route{"POST", "/v1/grants/{}/{}", change_grant},
    Route{"GET", "/v1/money", list_purses, kListing},
    Route{"POST", "/v1/wallets/{}/payments", pay_in},
    Route{"GET", "/v1/refunds", list_refunds, kListing},
    Route{"POST", "/v1/refunds", ask_refund, kThought},
    Route{"POST", "/v1/refunds/{}/{}", decide_refund},
    Route{"GET", "/v1/reservations", list_reservations, kListing},
    Route{"POST", "/v1/reservations", book_reservation, kThought},
    Route{"POST", "/v1/reservations/{}/cancel", cancel_reservation},
    Route{"GET", "/v1/resources", list_resources, kListing},
    Route{"GET", "/v1/policy", show_policy},
    Route{"POST", "/v1/policy", apply_policy, kBooks},
    Route{"GET", "/v1/policy/history", list_policies, kBooks},
    Route{"POST", "/v1/policy/rollback", roll_back_policy, kBooks},
    Route{"POST", "/v1/policy/check", check_policy, kBooks},
    Route{"POST", "/v1/policy/diff", check_policy, kBooks},
    Route{"GET", "/v1/policy/layers/{}", show_layer},
    Route{"POST", "/v1/policy/layers/{}", apply_layer, kBooks},
    Route{"POST", "/v1/policy/layers/{}/check", check_layer, kBooks},
    Route{"GET", "/v1/policy/layers/{}/history", list_layers, kBooks},
    Route{"POST", "/v1/policy/layers/{}/rollback", roll_back_layer, kBooks},
    Route{"GET", "/v1/reports/jobs", report_jobs, kBooks},
    Route{"GET", "/v1/reports/jobs/manifest", report_manifest, kBooks},
    Route{"GET", "/v1/reports/focus", report_focus, kBooks},
    Route{"GET", "/v1/reports/focus/manifest", focus_manifest, kBooks},
    Route{"GET", "/v1/reports/services", report_services, kBooks},
    Route{"GET", "/v1/reports/services/manifest", services_manifest, kBooks},
    Route{"POST", "/v1/meters/readings", take_readings, kListing},
    Route{"POST", "/v1/meters/import", import_readings, kBooks},
    Route{"GET", "/v1/reports/ledger", report_ledger, kBooks},
    Route{"GET", "/v1/reports/ledger/manifest", ledger_manifest, kBooks},
    Route{"GET", "/v1/reports/zone", report_zone_month, kBooks},
    Route{"GET", "/v1/reports/zone/manifest", zone_month_manifest, kBooks},
    Route{"GET", "/v1/reports/statement", report_statement, kBooks},
    Route{"GET", "/v1/reports/statement/manifest", statement_manifest, kBooks},
    Route{"GET", "/v1/reports/statements", report_statements, kBooks},
    Route{"GET", "/v1/reports/statements/manifest", statements_manifest, kBooks},
    Route{"POST", "/v1/ledger/verify", verify_ledger, kBooks},
    Route{"GET", "/v1/tokens", list_tokens, kListing},
    Route{"POST", "/v1/tokens", make_token},
    Route{"DELETE", "/v1/tokens/{}", revoke_token},
    Route{"POST", "/v1/join", join, kThought, true},
    Route{"POST", "/v1/renew", renew, kThought, true},
    Route{"GET", "/v1/whoami", who_am_i},
    Route{"GET", "/v1/events", watch_events, kWatchCost},
    Route{"GET", "/v1/version", show_version, 1, true},
    Route{"GET", "/", show_dashboard, 1, true},
    Route{"GET", "/dashboard.js", dashboard_script, 1, true},
    Route{"GET", "/dashboard.css", dashboard_style, 1, true},
    Route{"GET", "/healthz", healthz, 1, true},
    Route{"GET", "/metrics", metrics, kThought, true},
};

std::string_view next_part(std::string_view& path) {
    path.remove_prefix(path.starts_with('/') ? 1 : 0);
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    path.remove_prefix(end);
    return part;
}

bool matches(std::string_view pattern, std::string_view path, std::vector<std::string>& parts) {
    parts.clear();
    while (!pattern.empty() && !path.empty()) {
        const std::string_view wanted = next_part(pattern);
        const std::string_view given = next_part(path);
        if (wanted == "{}" && !given.empty()) {
            parts.emplace_back(given);
        } else if (wanted != given) {
            return false;
        }
    }
    return pattern.empty() && path.empty();
}

const Route* find_route(const wire::net::Request& request, std::vector<std::string>& parts) {
    for (const Route& route : kRoutes) {
        if (route.method == request.method && matches(route.pattern, request.path, parts)) {
            return &route;
        }
    }
    return nullptr;
}

wire::net::Response too_many(const std::string& who, const Rate& rate, Span wait,
                             Language language) {
    const std::int64_t retry_s = whole_seconds_up(wait);
    wire::net::Response response = problem(Refusal(Code::TooManyRequests)
                                               .with("user", who)
                                               .with("limit", rate.per_second)
                                               .with("retry_s", retry_s),
                                           language);
    response.headers.emplace_back("Retry-After", std::to_string(retry_s));
    return response;
}

/// One who needs or has no valid token is counted by the address, or by the local account. None:
/// it may go on.
std::optional<wire::net::Response> count_stranger(Services& services,
                                                  const wire::net::Request& request, int cost) {
    constexpr Rate rate{limits::strangers_per_second, limits::strangers_burst};
    const auto& local = request.peer.local;
    if (local && (local->uid == 0 || local->uid == ::geteuid())) {
        return std::nullopt;  // who may read the zone's files need not be kept from asking
    }
    const std::string who = local ? "uid " + std::to_string(local->uid)
                                  : "address " + network_of_peer(request.peer.address);
    const auto wait = services.rates.take(who, rate, cost, services.engine.now());
    return wait ? std::optional(too_many(who, rate, *wait, language_of(request))) : std::nullopt;
}

}  // namespace

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number < 0) {
        return std::nullopt;
    }
    return number;
}

std::optional<std::uint64_t> number_after(std::string_view prefix, std::string_view text) {
    const auto number =
        text.starts_with(prefix) ? whole_number(text.substr(prefix.size())) : std::nullopt;
    return number ? std::optional(static_cast<std::uint64_t>(*number)) : std::nullopt;
}

Expected<Caller, wire::net::Response> admit(Services& services, const wire::net::Request& request,
                                            int cost) {
    auto caller = services.identities.identify(request, services.engine.now());
    if (!caller) {
        auto flood = count_stranger(services, request, 1);
        return Unexpected{flood ? *std::move(flood)
                                : problem(caller.error(), language_of(request))};
    }
    const Identity& who = caller->who;
    if (who.has(Role::ZoneAdmin) || who.has(Role::Agent)) {
        return *std::move(caller);
    }
    constexpr Rate rate{limits::requests_per_second, limits::requests_burst};
    const auto wait = services.rates.take("user " + who.user.value + "@" + who.enterprise.value,
                                          rate, cost, services.engine.now());
    if (wait) {
        return Unexpected{too_many(who.user.value, rate, *wait, language_of(request))};
    }
    return *std::move(caller);
}

void serve(Services& services, wire::net::Request&& request, wire::net::Responder responder) {
    const Language language = language_of(request);
    std::vector<std::string> parts;
    const Route* route = find_route(request, parts);
    Caller caller;
    if (route != nullptr && route->open) {
        if (auto flood = count_stranger(services, request, route->cost)) {
            responder.send(*std::move(flood));
            return;
        }
    } else {
        auto known = admit(services, request, route == nullptr ? 1 : route->cost);
        if (!known) {
            responder.send(std::move(known).error());
            return;
        }
        caller = std::move(known).value();
    }
    if (route == nullptr) {
        responder.send(problem(Refusal(Code::NoRoute)
                                   .with("method", request.method)
                                   .with("path", request.path.substr(0, 200)),
                               language));
        return;
    }
    route->handler(std::make_shared<CallData>(CallData{.request = std::move(request),
                                                       .responder = std::move(responder),
                                                       .caller = std::move(caller),
                                                       .language = language,
                                                       .parts = std::move(parts),
                                                       .services = services}));
}

}  // namespace khu::daemon
