#include "daemon/http/routes.h"

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
    bool open{false};  ///< needs no caller
};

constexpr std::array kRoutes{
    Route{"POST", "/v1/jobs", submit_job},
    Route{"GET", "/v1/jobs", list_jobs},
    Route{"GET", "/v1/jobs/{}", show_job},
    Route{"GET", "/v1/jobs/{}/wait", wait_job},
    Route{"GET", "/v1/jobs/{}/log", job_log},
    Route{"POST", "/v1/jobs/{}/{}", change_job},
    Route{"GET", "/v1/queue", show_queue},
    Route{"GET", "/v1/why/{}", explain_job},
    Route{"POST", "/v1/quote", quote_job},
    Route{"GET", "/v1/nodes", list_nodes},
    Route{"GET", "/v1/nodes/{}", show_node},
    Route{"POST", "/v1/nodes/{}/drain", drain_node},
    Route{"POST", "/v1/nodes/{}/resume", resume_node},
    Route{"GET", "/v1/balance", show_balance},
    Route{"GET", "/v1/grants", list_grants},
    Route{"POST", "/v1/grants", approve_grant},
    Route{"POST", "/v1/grants/{}/{}", change_grant},
    Route{"GET", "/v1/policy", show_policy},
    Route{"POST", "/v1/policy", apply_policy},
    Route{"POST", "/v1/policy/check", check_policy},
    Route{"POST", "/v1/policy/diff", check_policy},
    Route{"GET", "/v1/reports/jobs", report_jobs},
    Route{"GET", "/v1/reports/jobs/manifest", report_manifest},
    Route{"GET", "/v1/ledger", export_ledger},
    Route{"POST", "/v1/ledger/verify", verify_ledger},
    Route{"GET", "/v1/tokens", list_tokens},
    Route{"POST", "/v1/tokens", make_token},
    Route{"DELETE", "/v1/tokens/{}", revoke_token},
    Route{"POST", "/v1/join", join, true},
    Route{"GET", "/v1/whoami", who_am_i},
    Route{"GET", "/v1/events", watch_events},
    Route{"GET", "/v1/version", show_version, true},
    Route{"GET", "/healthz", healthz, true},
    Route{"GET", "/metrics", metrics, true},
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

}  // namespace

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number < 0) {
        return std::nullopt;
    }
    return number;
}

void serve(Services& services, wire::net::Request&& request, wire::net::Responder responder) {
    const Language language = language_of(request);
    std::vector<std::string> parts;
    const Route* route = find_route(request, parts);
    Caller caller;
    if (route == nullptr || !route->open) {
        auto known = services.identities.identify(request, services.engine.now());
        if (!known) {
            responder.send(problem(known.error(), language));
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
