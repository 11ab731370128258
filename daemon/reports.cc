#include "daemon/reports.h"

#include <boost/mp11.hpp>

#include <algorithm>
#include <optional>
#include <set>

#include "wire/net/secrets.h"

namespace khu::daemon {
namespace {

// --- One cell ----------------------------------------------------------------------

struct Cell {
    std::string text;
    bool quoted{false};  ///< a text or a time: in quotes in JSON
    bool null{false};
    std::optional<std::int64_t> sum;  ///< what it adds to its column's control total
};

template <class T>
    requires std::is_integral_v<T>
Cell cell(T value) {
    return {.text = std::to_string(value), .sum = static_cast<std::int64_t>(value)};
}
Cell cell(bool value) {
    return {.text = value ? "true" : "false"};
}
Cell cell(const std::string& value) {
    return {.text = value, .quoted = true};
}
Cell cell(Moment value) {
    return {.text = format_utc(value), .quoted = true};
}
template <class Unit>
Cell cell(Quantity<Unit> value) {
    return {.text = std::to_string(value.value), .sum = value.value};
}
template <class Tag>
Cell cell(Number<Tag> value) {
    return {.text = std::to_string(value.value)};
}
template <class Tag>
Cell cell(const Name<Tag>& value) {
    return cell(value.value);
}
template <class T>
Cell cell(const std::optional<T>& value) {
    return value ? cell(*value) : Cell{.null = true};
}

/// A cell never starts a spreadsheet formula: user-chosen text is percent-escaped outside of
/// letters, digits, dot, hyphen, underscore, semicolon, colon, and bytes above ASCII.
std::string escape_text(const std::string& text) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '.' || c == '_' || c == ';' || c == ':' ||
                           c == ' ' || byte >= 0x80 || (c == '-' && !out.empty());
        if (plain) {
            out += c;
        } else {
            out += '%';
            out += hex[byte >> 4];
            out += hex[byte & 15];
        }
    }
    return out;
}

template <class Visit>
void each_column(Visit visit) {
    using Members = boost::describe::describe_members<UsageRow, boost::describe::mod_public>;
    boost::mp11::mp_for_each<Members>(visit);
}

/// Sums are kept of counts and amounts, not of keys, prices or shares.
bool is_total(std::string_view column) {
    return column.ends_with("_ugs") || column.ends_with("_mvnd") || column == "elapsed_s";
}

class Writer {
public:
    Writer(Report& report, ReportFormat format) : report_(report), format_(format) {
        if (format_ == ReportFormat::Csv) {
            each_column([&](auto member) {
                report_.text += report_.text.empty() ? member.name : std::string(",") + member.name;
            });
            report_.text += '\n';
        } else if (format_ == ReportFormat::Json) {
            report_.text += "[";
        }
    }

    void add(const UsageRow& row) {
        std::string line;
        each_column([&](auto member) { add_cell(line, member.name, cell(row.*member.pointer)); });
        if (format_ == ReportFormat::Json) {
            report_.text += report_.manifest.rows == 0 ? "\n" : ",\n";
        }
        report_.text += format_ == ReportFormat::Csv ? line : "{" + line + "}";
        report_.text += format_ == ReportFormat::Json ? "" : "\n";
        ++report_.manifest.rows;
    }

    void finish() { report_.text += format_ == ReportFormat::Json ? "\n]\n" : ""; }

private:
    void add_cell(std::string& line, const char* name, const Cell& cell) {
        if (cell.sum && is_total(name)) {
            report_.manifest.control_totals[name] += *cell.sum;
        }
        line += line.empty() && !started(name) ? "" : ",";
        const std::string text = cell.quoted ? escape_text(cell.text) : cell.text;
        if (format_ == ReportFormat::Csv) {
            line += text;
            return;
        }
        line += std::string("\"") + name + "\":";
        line += cell.null ? "null" : cell.quoted ? "\"" + text + "\"" : text;
    }
    static bool started(std::string_view name) { return name != "schema_version"; }

    Report& report_;
    ReportFormat format_;
};

Unexpected<Refusal> bad_period(const std::string& period, const char* why) {
    return Unexpected{
        Refusal(Code::BadPeriod).with("period", period.substr(0, 20)).with("why", why)};
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
    manifest.report = "jobs";
    manifest.period = request.period;
    manifest.enterprise = request.enterprise.value;
    manifest.format = format_name(request.format);
    manifest.file = "khu-jobs-" + request.period +
                    (request.enterprise.empty() ? "" : "-" + request.enterprise.value) + "." +
                    format_name(request.format);
    std::set<std::string> policies;
    Writer writer(report, request.format);
    const UsageQuery query{.period_from = request.period,
                           .period_to = request.period,
                           .enterprise = request.enterprise};
    auto read = store.usage(query, [&](const UsageRow& stored) {
        UsageRow row = stored;
        if (!request.show_users) {
            row.user_id.reset();
        }
        row.is_final = manifest.is_final;
        policies.insert(row.policy_id.value);
        const bool first = manifest.ledger_first.value == 0;
        if (row.ledger_seq_first.value != 0) {
            manifest.ledger_first = first ? row.ledger_seq_first
                                          : std::min(manifest.ledger_first, row.ledger_seq_first);
            manifest.ledger_last = std::max(manifest.ledger_last, row.ledger_seq_last);
        }
        writer.add(row);
    });
    if (!read) {
        return Unexpected{std::move(read).error()};
    }
    writer.finish();
    manifest.policy_ids.assign(policies.begin(), policies.end());
    manifest.bytes = static_cast<std::int64_t>(report.text.size());
    manifest.sha256 = wire::net::sha256_hex(report.text);
    manifest.ledger_head = store.ledger_head().hash;
    manifest.generated_at = format_utc(zone.now);
    return report;
}

}  // namespace khu::daemon
