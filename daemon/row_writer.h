#pragma once

/// \file
/// Rows of any described struct as the lines of a report: CSV with its header, JSON lines, or one
/// JSON array, and the control totals of the manifest beside them. docs/guides/accounting.md.

#include <boost/mp11.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/ledger/focus.h"
#include "daemon/reports.h"

namespace khu::daemon {

/// A value as it is written.
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
inline Cell cell(bool value) {
    return {.text = value ? "true" : "false"};
}
inline Cell cell(const std::string& value) {
    return {.text = value, .quoted = true};
}
inline Cell cell(Moment value) {
    return {.text = format_utc(value), .quoted = true};
}
/// Digits, without quotes.
inline Cell cell(const Decimal& value) {
    return {.text = value.text};
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
/// letters, digits, space, dot, hyphen, underscore, semicolon, colon, and bytes above ASCII.
std::string escape_cell(const std::string& text);
/// Sums are kept of counts and amounts, not of keys, prices or shares.
bool is_total(std::string_view column);

template <class Row>
class RowWriter {
public:
    RowWriter(Report& report, ReportFormat format) : report_(report), format_(format) {
        if (format_ == ReportFormat::Csv) {
            each_column([&](auto member) {
                report_.text += report_.text.empty() ? member.name : std::string(",") + member.name;
            });
            report_.text += '\n';
        } else if (format_ == ReportFormat::Json) {
            report_.text += "[";
        }
    }

    void add(const Row& row) {
        std::string line;
        const char* comma = "";
        each_column([&](auto member) {
            line += comma;
            add_cell(line, member.name, cell(row.*member.pointer));
            comma = ",";
        });
        if (format_ == ReportFormat::Json) {
            report_.text += report_.manifest.rows == 0 ? "\n" : ",\n";
        }
        report_.text += format_ == ReportFormat::Csv ? line : "{" + line + "}";
        report_.text += format_ == ReportFormat::Json ? "" : "\n";
        ++report_.manifest.rows;
    }

    void finish() { report_.text += format_ == ReportFormat::Json ? "\n]\n" : ""; }

private:
    template <class Visit>
    static void each_column(Visit visit) {
        using Members = boost::describe::describe_members<Row, boost::describe::mod_public>;
        boost::mp11::mp_for_each<Members>(visit);
    }

    void add_cell(std::string& line, const char* name, const Cell& cell) {
        if (cell.sum && is_total(name)) {
            report_.manifest.control_totals[name] += *cell.sum;
        }
        const std::string text = cell.quoted ? escape_cell(cell.text) : cell.text;
        if (format_ == ReportFormat::Csv) {
            line += text;
            return;
        }
        line += std::string("\"") + name + "\":";
        line += cell.null ? "null" : cell.quoted ? "\"" + text + "\"" : text;
    }

    Report& report_;
    ReportFormat format_;
};

}  // namespace khu::daemon
