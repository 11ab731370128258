#include "daemon/zone_reports.h"

#include <set>

#include "core/ledger/zone_report.h"
#include "daemon/meter_rows.h"
#include "wire/json.h"

namespace khu::daemon {
namespace {

/// A measure with what says of which zone and month it is: a line of the file.
struct Line {
    int schema_version{1};
    ZoneId zone_id;
    std::string province_code, period;
    bool is_final{false};
    std::string section, measure, dim1, dim2, unit;
    std::optional<std::int64_t> value;
    std::string note;
};
KHU_DESCRIBE(Line, schema_version, zone_id, province_code, period, is_final, section, measure, dim1,
             dim2, unit, value, note)

std::string csv_of(const std::vector<Line>& lines) {
    std::string text =
        "schema_version,zone_id,province_code,period,is_final,section,measure,dim1,dim2,unit,value,"
        "note\n";
    for (const Line& line : lines) {
        text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n", line.schema_version,
                            line.zone_id.value, line.province_code, line.period,
                            line.is_final ? "true" : "false", line.section, line.measure, line.dim1,
                            line.dim2, line.unit, line.value ? std::to_string(*line.value) : "",
                            line.note);
    }
    return text;
}

std::string json_of(const std::vector<Line>& lines, const char* between) {
    std::string text;
    for (const Line& line : lines) {
        text += (text.empty() ? "" : between) + wire::to_json_text(line);
    }
    return text;
}

std::string text_of(const std::vector<Line>& lines, ReportFormat format) {
    switch (format) {
        case ReportFormat::Csv:
            return csv_of(lines);
        case ReportFormat::Json:
            return "[\n" + json_of(lines, ",\n") + "\n]\n";
        case ReportFormat::Jsonl:
            return json_of(lines, "\n") + "\n";
    }
    KHU_CHECK(false);
}

}  // namespace

Expected<Report, Refusal> make_zone_report(Store& store, const ZoneReportRequest& request,
                                           const ReportZone& zone) {
    if (auto checked = check_period(request.period, zone.now, zone.utc_offset_minutes); !checked) {
        return Unexpected{std::move(checked).error()};
    }
    const bool is_final = request.period <= zone.closed_period;
    ZoneReport maker(request.is_public ? request.enterprises_min : 0);
    std::set<std::string> policies;
    const UsageQuery query{
        .period_from = request.period, .period_to = request.period, .enterprise = {}};
    auto read = store.usage(query, [&](const UsageRow& row) {
        maker.add(row);
        policies.insert(row.policy_id.value);
    });
    if (!read) {
        return Unexpected{std::move(read).error()};
    }
    auto metered = each_reading(store, request.period, {}, [&](const MeterRow& row) {
        maker.add(row);
        policies.insert(row.policy_id.value);
    });
    if (!metered) {
        return Unexpected{std::move(metered).error()};
    }
    maker.add_floor_lifts(request.floor_lifts);
    for (const CapacityTotal& each : request.capacity) {
        maker.add(each);
    }
    if (request.counted) {
        maker.add(request.grants);
    }
    std::vector<Line> lines;
    for (ZoneMeasure& each : maker.finish()) {
        lines.push_back({.zone_id = request.zone,
                         .province_code = request.province_code,
                         .period = request.period,
                         .is_final = is_final,
                         .section = std::move(each.section),
                         .measure = std::move(each.measure),
                         .dim1 = std::move(each.dim1),
                         .dim2 = std::move(each.dim2),
                         .unit = std::move(each.unit),
                         .value = each.value,
                         .note = std::move(each.note)});
    }
    Report report;
    report.text->add(text_of(lines, request.format));
    wire::ManifestAnswer& manifest = report.manifest;
    manifest.report = "zone";
    manifest.period = request.period;
    manifest.format = format_name(request.format);
    manifest.is_public = request.is_public;
    manifest.file = std::string("khu-zone-") + (request.is_public ? "public-" : "") +
                    request.period + "." + manifest.format;
    manifest.rows = static_cast<std::int64_t>(lines.size());
    manifest.policy_ids.assign(policies.begin(), policies.end());
    manifest.is_final = is_final;
    if (auto sealed = seal(report, store, zone.now); !sealed) {
        return Unexpected{std::move(sealed).error()};
    }
    return report;
}

}  // namespace khu::daemon
