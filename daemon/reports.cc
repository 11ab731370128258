#include "daemon/reports.h"

#include <algorithm>
#include <functional>
#include <set>

#include "core/ledger/focus.h"
#include "daemon/meter_rows.h"
#include "daemon/row_writer.h"

namespace khu::daemon {
namespace {

Unexpected<Refusal> bad_period(const std::string& period, const char* why) {
    return Unexpected{
        Refusal(Code::BadPeriod).with("period", period.substr(0, 20)).with("why", why)};
}

/// Which policies and entries the rows of a report are of.
class Traces {
public:
    explicit Traces(wire::ManifestAnswer& manifest) : manifest_(manifest) {}
    Traces(const Traces&) = delete;
    Traces& operator=(const Traces&) = delete;
    ~Traces() { manifest_.policy_ids.assign(policies_.begin(), policies_.end()); }

    template <class Row>
    void add(const Row& row) {
        policies_.insert(row.policy_id.value);
        if (row.ledger_seq_first.value != 0) {
            const bool first = manifest_.ledger_first.value == 0;
            manifest_.ledger_first = first ? row.ledger_seq_first
                                           : std::min(manifest_.ledger_first, row.ledger_seq_first);
            manifest_.ledger_last = std::max(manifest_.ledger_last, row.ledger_seq_last);
        }
    }

private:
    wire::ManifestAnswer& manifest_;
    std::set<std::string> policies_;
};

/// A report on its way: whose, of which zone, into what.
struct Making {
    Store& store;
    const ReportRequest& request;
    const ReportZone& zone;
    Report& report;
};

/// The month's rows of jobs as they may be shown.
Expected<Done, Refusal> each_row(const Making& making, Traces& traces,
                                 const std::function<void(const UsageRow&)>& take) {
    const auto& [store, request, zone, report] = making;
    const RowReader reader{.enterprise = request.reader,
                           .holder = request.show_users,
                           .privacy = zone.privacy,
                           .names_from = zone.names_from};
    const auto shown = RowsShown::of(store, request.period, reader, zone.pseudonyms);
    if (!shown) {
        return Unexpected{shown.error()};
    }
    const UsageQuery query{.period_from = request.period,
                           .period_to = request.period,
                           .enterprise = request.enterprise};
    return store.usage(query, [&](const UsageRow& stored) {
        UsageRow row = stored;
        shown->show(row);
        row.is_final = report.manifest.is_final;
        traces.add(row);
        take(row);
    });
}

/// The month's rows of the other meters.
Expected<Done, Refusal> each_metered(const Making& making, Traces& traces,
                                     const std::function<void(const MeterRow&)>& take) {
    const auto& [store, request, zone, report] = making;
    return each_reading(store, request.period, request.enterprise, [&](MeterRow row) {
        row.is_final = report.manifest.is_final;
        traces.add(row);
        take(row);
    });
}

Expected<Done, Refusal> write_jobs(const Making& making) {
    RowWriter<UsageRow> writer(making.report, making.request.format);
    Traces traces(making.report.manifest);
    auto read = each_row(making, traces, [&](const UsageRow& row) { writer.add(row); });
    writer.finish();
    return read;
}

/// Jobs, and then the other meters.
Expected<Done, Refusal> write_focus(const Making& making) {
    RowWriter<FocusRow> writer(making.report, making.request.format);
    Traces traces(making.report.manifest);
    const auto add = [&](const auto& row) {
        for (const FocusRow& each : focus_rows(row, making.zone.utc_offset_minutes)) {
            writer.add(each);
        }
    };
    auto read = each_row(making, traces, add);
    if (read) {
        read = each_metered(making, traces, add);
    }
    writer.finish();
    return read;
}

Expected<Done, Refusal> write_services(const Making& making) {
    RowWriter<MeterRow> writer(making.report, making.request.format);
    Traces traces(making.report.manifest);
    auto read = each_metered(making, traces, [&](const MeterRow& row) { writer.add(row); });
    writer.finish();
    return read;
}

const char* kind_name(ReportKind kind) {
    switch (kind) {
        case ReportKind::Jobs:
            return "jobs";
        case ReportKind::Focus:
            return "focus";
        case ReportKind::Services:
            return "services";
    }
    KHU_CHECK(false);
}

Expected<Done, Refusal> write_rows(const Making& making) {
    switch (making.request.kind) {
        case ReportKind::Jobs:
            return write_jobs(making);
        case ReportKind::Focus:
            return write_focus(making);
        case ReportKind::Services:
            return write_services(making);
    }
    KHU_CHECK(false);
}

}  // namespace

const char* format_name(ReportFormat format) {
    switch (format) {
        case ReportFormat::Csv:
            return "csv";
        case ReportFormat::Json:
            return "json";
        case ReportFormat::Jsonl:
            return "jsonl";
    }
    KHU_CHECK(false);
}

Expected<Done, Refusal> check_period(const std::string& period, Moment now,
                                     int utc_offset_minutes) {
    const auto digit = [&](std::size_t at) { return period[at] >= '0' && period[at] <= '9'; };
    const bool shaped = period.size() == 7 && period[4] == '-' && digit(0) && digit(1) &&
                        digit(2) && digit(3) && digit(5) && digit(6);
    if (!shaped) {
        return bad_period(period, "it is not a month");
    }
    const int month = std::stoi(period.substr(5));
    if (month < 1 || month > 12) {
        return bad_period(period, "there are twelve months");
    }
    if (period > format_local(now, utc_offset_minutes).substr(0, 7)) {
        return bad_period(period, "it has not begun");
    }
    return Done{};
}

Expected<Report, Refusal> make_report(Store& store, const ReportRequest& request,
                                      const ReportZone& zone) {
    if (auto checked = check_period(request.period, zone.now, zone.utc_offset_minutes); !checked) {
        return Unexpected{std::move(checked).error()};
    }
    Report report;
    wire::ManifestAnswer& manifest = report.manifest;
    manifest.is_final = request.period <= zone.closed_period;
    manifest.report = kind_name(request.kind);
    manifest.period = request.period;
    manifest.enterprise = request.enterprise.value;
    manifest.format = format_name(request.format);
    manifest.file = "khu-" + manifest.report + "-" + request.period +
                    (request.enterprise.empty() ? "" : "-" + request.enterprise.value) + "." +
                    format_name(request.format);
    const auto written =
        write_rows({.store = store, .request = request, .zone = zone, .report = report});
    if (!written) {
        return Unexpected{written.error()};
    }
    if (auto sealed = seal(report, store, zone.now); !sealed) {
        return Unexpected{std::move(sealed).error()};
    }
    return report;
}

Expected<Done, Refusal> seal(Report& report, const Store& store, Moment now) {
    if (auto whole = report.text->finish(); !whole) {
        return whole;
    }
    report.manifest.bytes = report.text->bytes();
    report.manifest.sha256 = report.text->sha256();
    report.manifest.ledger_head = store.ledger_head().hash;
    report.manifest.generated_at = format_utc(now);
    return Done{};
}

}  // namespace khu::daemon
