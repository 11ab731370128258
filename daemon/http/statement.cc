/// The monthly statement of an enterprise, and those of all.

#include "core/machine/grant_rules.h"
#include "daemon/http/call.h"
#include "daemon/statement_books.h"

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
    bool known = false;
    call->services.engine.ask_and_wait([&](State& state, Moment now) {
        known = is_known(state, request.asked.enterprise);
        ask_of_state(request, zone, state, now);
    });
    if (!known) {
        return refuse(call, not_in_policy("enterprise", request.asked.enterprise.value));
    }
    Expected<Report, Refusal> report =
        make_statement(call->services.store, std::move(request), zone);
    if (!report) {
        refuse(call, report.error());
        return;
    }
    use(std::move(report).value());
}

/// For admins and auditors: it is of every enterprise.
template <class Use>
void with_all_statements(const Call& call, Use use) {
    const Identity& who = call->caller.who;
    if (!who.has(Role::ZoneAdmin) && !who.has(Role::Auditor)) {
        refuse(call, decide_detail::need_role(who, Role::Auditor, "report statement").error());
        return;
    }
    const std::string format = query(call, "format");
    if (!format.empty() && format != "jsonl" && format != "csv") {
        return refuse_field(call, "format", "it is jsonl or csv");
    }
    AllStatementsRequest request;
    request.common.asked.period = query(call, "period");
    request.common.format = format == "csv" ? StatementFormat::Csv : StatementFormat::Json;
    ReportZone zone;
    call->services.engine.ask_and_wait(
        [&](State& state, Moment now) { ask_of_state(request, zone, state, now); });
    Expected<Report, Refusal> report =
        make_all_statements(call->services.store, std::move(request), zone);
    if (!report) {
        refuse(call, report.error());
        return;
    }
    use(std::move(report).value());
}

const char* content_type(const std::string& format) {
    return format == "csv"     ? "text/csv; charset=utf-8"
           : format == "html"  ? "text/html; charset=utf-8"
           : format == "jsonl" ? "application/jsonl"
                               : "application/json";
}

void send_statement(const Call& call, Report&& report) {
    wire::net::Response response;
    response.content_type = content_type(report.manifest.format);
    response.headers.emplace_back("ETag", '"' + report.manifest.sha256 + '"');
    response.headers.emplace_back("Khu-Sha256", report.manifest.sha256);
    response.source = std::move(report.text);
    call->responder.send(conditional(call->request, std::move(response)));
}

}  // namespace

void report_statement(const Call& call) {
    with_statement(call, [&](Report&& report) { send_statement(call, std::move(report)); });
}

void report_statements(const Call& call) {
    with_all_statements(call, [&](Report&& report) { send_statement(call, std::move(report)); });
}

void statements_manifest(const Call& call) {
    with_all_statements(call, [&](Report&& report) { answer(call, report.manifest); });
}

void statement_manifest(const Call& call) {
    with_statement(call, [&](Report&& report) { answer(call, report.manifest); });
}

}  // namespace khu::daemon
