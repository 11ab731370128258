/// Usage reports, the ledger's export and its verification.

#include "core/machine/grant_duties.h"
#include "daemon/http/call.h"
#include "daemon/ledger_report.h"
#include "daemon/reports.h"
#include "daemon/zone_reports.h"

namespace khu::daemon {
namespace {

std::optional<ReportFormat> format_of(const std::string& name) {
    if (name.empty() || name == "csv") {
        return ReportFormat::Csv;
    }
    if (name == "json") {
        return ReportFormat::Json;
    }
    return name == "jsonl" ? std::optional(ReportFormat::Jsonl) : std::nullopt;
}

ReportZone report_zone(const State& state, Moment now) {
    return {.now = now,
            .utc_offset_minutes = state.truth.policy ? state.truth.policy->utc_offset_minutes : 0,
            .closed_period = state.truth.closed_period};
}

/// A month that was cut keeps the rules that were in force then.
void say_privacy(ReportZone& zone, const State& state, const std::string& period) {
    if (!state.truth.policy) {
        return;
    }
    const Policy& policy = *state.truth.policy;
    zone.privacy = policy.privacy;
    zone.names_from =
        months_before(zone.now, policy.reports.retention.per_user_months, zone.utc_offset_minutes);
    for (const MonthMark& month : state.truth.months) {
        if (month.period >= period) {  // One cut may be of several months.
            zone.privacy = month.privacy;
            return;
        }
    }
}

/// Of a month that was cut, as the policy then in force said.
void say_zone(ZoneReportRequest& request, const State& state, Moment now) {
    request.zone = zone_name(state);
    if (state.truth.policy) {
        request.province_code = state.truth.policy->zone.province.code;
        request.enterprises_min = state.truth.policy->reports.public_min_enterprises;
    }
    for (const MonthMark& month : state.truth.months) {
        if (month.period == request.period) {
            request.province_code = month.province_code;
            request.enterprises_min = month.public_min_enterprises;
            request.capacity = month.capacity;
            request.counted = month.counted;
            request.grants = month.grants;
            request.floor_lifts = month.floor_lifts;
            return;
        }
    }
    CapacityMeter so_far = state.truth.capacity;
    so_far.advance(now);
    request.capacity = so_far.totals();
    request.grants = state.truth.grant_counts;
    for (GrantCount& each : unused_grants(state, now)) {
        request.grants.push_back(std::move(each));
    }
    request.floor_lifts = state.truth.floor_lifts;
}

Refusal unknown_format() {
    return Refusal(Code::BadField).with("field", "format").with("why", "it is csv, json or jsonl");
}

ReportZone ask_zone(const Call& call) {
    ReportZone zone;
    call->services.engine.ask_and_wait(
        [&](State& state, Moment now) { zone = report_zone(state, now); });
    return zone;
}

/// Makes the report on an I/O thread; only what is said of the zone is asked of the engine.
template <class Use>
void with_report(const Call& call, ReportKind kind, Use use) {
    const Identity& who = call->caller.who;
    const bool sees_all = who.has(Role::ZoneAdmin) || who.has(Role::Auditor);
    const std::optional<ReportFormat> format = format_of(query(call, "format"));
    if (!format) {
        refuse(call, unknown_format());
        return;
    }
    ReportRequest request{
        .kind = kind,
        .period = query(call, "period"),
        .enterprise = sees_all ? EnterpriseId{query(call, "enterprise")} : who.enterprise,
        .format = *format,
        .reader = who.enterprise};
    if (!sees_all && request.enterprise.empty()) {
        refuse(call, Refusal(Code::NotAuthenticated));
        return;
    }
    ReportZone zone{.now = {}, .closed_period = ""};
    call->services.engine.ask_and_wait([&](State& state, Moment now) {
        zone = report_zone(state, now);
        say_privacy(zone, state, request.period);
        request.show_users = decide_detail::is_holder_of(state, who, who.enterprise);
    });
    zone.pseudonyms = &call->services.pseudonyms;
    Expected<Report, Refusal> report = make_report(call->services.store, request, zone);
    if (!report) {
        refuse(call, report.error());
        return;
    }
    use(std::move(report).value(), *format);
}

/// Anybody of the zone may read the public form; the whole is for admins and auditors.
template <class Use>
void with_zone_report(const Call& call, Use use) {
    const Identity& who = call->caller.who;
    const std::optional<ReportFormat> format = format_of(query(call, "format"));
    ZoneReportRequest request{.zone = {},
                              .province_code = "",
                              .period = query(call, "period"),
                              .format = format.value_or(ReportFormat::Csv),
                              .is_public = query(call, "public") == "true"};
    if (!request.is_public && !who.has(Role::ZoneAdmin) && !who.has(Role::Auditor)) {
        refuse(call, decide_detail::need_role(who, Role::Auditor, "report zone").error());
        return;
    }
    if (!format) {
        refuse(call, unknown_format());
        return;
    }
    ReportZone zone;
    call->services.engine.ask_and_wait([&](State& state, Moment now) {
        zone = report_zone(state, now);
        say_zone(request, state, now);
    });
    Expected<Report, Refusal> report = make_zone_report(call->services.store, request, zone);
    if (!report) {
        refuse(call, report.error());
        return;
    }
    use(std::move(report).value(), *format);
}

template <class Use>
void with_ledger_report(const Call& call, Use use) {
    const Identity& who = call->caller.who;
    if (!who.has(Role::ZoneAdmin) && !who.has(Role::Auditor)) {
        refuse(call, decide_detail::need_role(who, Role::Auditor, "report ledger").error());
        return;
    }
    const std::optional<ReportFormat> format = format_of(query(call, "format"));
    if (!format) {
        refuse(call, unknown_format());
        return;
    }
    Expected<Report, Refusal> report = make_ledger_report(
        call->services.store, {.period = query(call, "period"), .format = *format}, ask_zone(call));
    if (!report) {
        refuse(call, report.error());
        return;
    }
    use(std::move(report).value(), *format);
}

void send_report(const Call& call, Report&& report, ReportFormat format) {
    wire::net::Response response;
    response.content_type = format == ReportFormat::Csv    ? "text/csv; charset=utf-8"
                            : format == ReportFormat::Json ? "application/json"
                                                           : "application/jsonl";
    response.headers.emplace_back("ETag", '"' + report.manifest.sha256 + '"');
    response.headers.emplace_back("Khu-Rows", std::to_string(report.manifest.rows));
    response.headers.emplace_back("Khu-Sha256", report.manifest.sha256);
    response.source = std::move(report.text);
    call->responder.send(conditional(call->request, std::move(response)));
}

}  // namespace

void report_jobs(const Call& call) {
    with_report(call, ReportKind::Jobs, [&](Report&& report, ReportFormat format) {
        send_report(call, std::move(report), format);
    });
}

void report_zone_month(const Call& call) {
    with_zone_report(call, [&](Report&& report, ReportFormat format) {
        send_report(call, std::move(report), format);
    });
}

void zone_month_manifest(const Call& call) {
    with_zone_report(call, [&](Report&& report, ReportFormat) { answer(call, report.manifest); });
}

void report_manifest(const Call& call) {
    with_report(call, ReportKind::Jobs,
                [&](Report&& report, ReportFormat) { answer(call, report.manifest); });
}

void report_focus(const Call& call) {
    with_report(call, ReportKind::Focus, [&](Report&& report, ReportFormat format) {
        send_report(call, std::move(report), format);
    });
}

void focus_manifest(const Call& call) {
    with_report(call, ReportKind::Focus,
                [&](Report&& report, ReportFormat) { answer(call, report.manifest); });
}

void report_services(const Call& call) {
    with_report(call, ReportKind::Services, [&](Report&& report, ReportFormat format) {
        send_report(call, std::move(report), format);
    });
}

void services_manifest(const Call& call) {
    with_report(call, ReportKind::Services,
                [&](Report&& report, ReportFormat) { answer(call, report.manifest); });
}

void report_ledger(const Call& call) {
    with_ledger_report(call, [&](Report&& report, ReportFormat format) {
        send_report(call, std::move(report), format);
    });
}

void ledger_manifest(const Call& call) {
    with_ledger_report(call, [&](Report&& report, ReportFormat) { answer(call, report.manifest); });
}

/// Recomputes the chain and the balances from the stored entries.
void verify_ledger(const Call& call) {
    const Identity& who = call->caller.who;
    if (!who.has(Role::ZoneAdmin) && !who.has(Role::Auditor)) {
        refuse(call, decide_detail::need_role(who, Role::Auditor, "ledger verify").error());
        return;
    }
    const auto head = call->services.store.verify_ledger();
    wire::VerifyAnswer verified;
    if (head) {
        verified.ok = true;
        verified.entries = static_cast<std::int64_t>(head->seq.value);
        verified.head = head->hash;
    } else {
        verified.problem = text(head.error(), call->language);
    }
    answer(call, verified);
}

}  // namespace khu::daemon
