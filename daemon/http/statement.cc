/// The monthly statement of an enterprise.

#include "daemon/http/call.h"
#include "daemon/statements.h"

namespace khu::daemon {
namespace {

std::optional<StatementFormat> format_of(const std::string& name) {
    if (name.empty() || name == "json") {
        return StatementFormat::Json;
    }
    if (name == "csv") {
        return StatementFormat::Csv;
    }
    return name == "html" ? std::optional(StatementFormat::Html) : std::nullopt;
}

/// The enterprise and the entries of the month, and who it was at the month's end.
void fill(StatementRequest& request, ReportZone& zone, const State& state, Moment now) {
    StatementAsked& asked = request.asked;
    const Truth& truth = state.truth;
    zone.now = now;
    zone.closed_period = truth.closed_period;
    asked.zone = zone_name(state);
    asked.last = truth.ledger.last_seq();
    if (truth.policy) {
        zone.utc_offset_minutes = truth.policy->utc_offset_minutes;
        asked.province_code = truth.policy->zone.province.code;
        const Enterprise* known = find_enterprise(*truth.policy, asked.enterprise);
        asked.name = known == nullptr ? "" : known->name;
    }
    Moment begins =
        truth.policy_history.empty()
            ? Moment{}
            : month_start(truth.policy_history.front().effective_at, zone.utc_offset_minutes);
    Moment until = now;
    for (const MonthMark& month : truth.months) {
        if (month.period < asked.period) {
            asked.before = month.last;
            begins = month.until;
        } else {
            request.cut_alone =
                month.period == asked.period &&
                begins == month_start(month.until - milliseconds(1), zone.utc_offset_minutes);
            asked.last = month.last;
            until = month.until;
            request.names_in = month.fact;
            asked.province_code = month.province_code;
            break;
        }
    }
    asked.duties = duties_at(truth.reports, asked.enterprise, until);
    for (const Grant& grant : truth.ledger.balance(asked.enterprise)) {
        asked.grants.insert(grant.id);
    }
}

/// Of the page: as asked, or that of the caller.
std::optional<Language> language_of(const Call& call) {
    const std::string name = query(call, "language");
    if (name.empty()) {
        return call->language;
    }
    return name == "vi"   ? std::optional(Language::Vietnamese)
           : name == "en" ? std::optional(Language::English)
                          : std::nullopt;
}

void refuse_field(const Call& call, const char* field, const char* why) {
    refuse(call, Refusal(Code::BadField).with("field", field).with("why", why));
}

template <class Use>
void with_statement(const Call& call, Use use) {
    const Identity& who = call->caller.who;
    const bool sees_all = who.has(Role::ZoneAdmin) || who.has(Role::Auditor);
    const std::string named = query(call, "enterprise");
    StatementRequest request;
    request.asked.period = query(call, "period");
    request.asked.enterprise = sees_all && !named.empty() ? EnterpriseId{named} : who.enterprise;
    const std::optional<StatementFormat> format = format_of(query(call, "format"));
    if (!format) {
        return refuse_field(call, "format", "it is json, csv or html");
    }
    const std::optional<Language> language = language_of(call);
    if (!language) {
        return refuse_field(call, "language", "it is vi or en");
    }
    if (request.asked.enterprise.empty()) {
        return refuse_field(call, "enterprise", "say whose statement");
    }
    request.language = *language;
    request.format = *format;
    ReportZone zone;
    call->services.engine.ask_and_wait(
        [&](State& state, Moment now) { fill(request, zone, state, now); });
    Expected<Report, Refusal> report =
        make_statement(call->services.store, std::move(request), zone);
    if (!report) {
        refuse(call, report.error());
        return;
    }
    use(std::move(report).value());
}

}  // namespace

void report_statement(const Call& call) {
    with_statement(call, [&](Report&& report) {
        wire::net::Response response;
        response.content_type = report.manifest.format == "csv"    ? "text/csv; charset=utf-8"
                                : report.manifest.format == "html" ? "text/html; charset=utf-8"
                                                                   : "application/json";
        response.headers.emplace_back("ETag", '"' + report.manifest.sha256 + '"');
        response.headers.emplace_back("Khu-Sha256", report.manifest.sha256);
        response.source = std::move(report.text);
        call->responder.send(conditional(call->request, std::move(response)));
    });
}

void statement_manifest(const Call& call) {
    with_statement(call, [&](Report&& report) { answer(call, report.manifest); });
}

}  // namespace khu::daemon
