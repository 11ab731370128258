#pragma once

/// \file
/// Rows of any described struct as the lines of a report: CSV with its header, JSON lines, or one
/// JSON array, and the control totals of the manifest beside them. docs/guides/accounting.md.

#include <boost/mp11.hpp>

#include <array>
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
            std::string header;
            each_column([&](auto member) {
                header += header.empty() ? "" : ",";
                header += member.name;
            });
            report_.text->add(header + '\n');
        } else if (format_ == ReportFormat::Json) {
            report_.text->add("[");
        }
    }

    void add(const Row& row) {
        const bool csv = format_ == ReportFormat::Csv;
        const bool json = format_ == ReportFormat::Json;
        line_ = !json ? "" : report_.manifest.rows == 0 ? "\n" : ",\n";
        line_ += csv ? "" : "{";
        const char* comma = "";
        std::size_t column = 0;
        each_column([&](auto member) {
            line_ += comma;
            add_cell(column, member.name, cell(row.*member.pointer));
            comma = ",";
            ++column;
        });
        line_ += csv ? "\n" : json ? "}" : "}\n";
        report_.text->add(line_);
        ++report_.manifest.rows;
    }

    /// Whatever was added is in the report and its totals.
    void finish() {
        std::size_t column = 0;
        each_column([&](auto member) {
            if (totals_.at(column)) {
                report_.manifest.control_totals[member.name] = *totals_.at(column);
            }
            ++column;
        });
        report_.text->add(format_ == ReportFormat::Json ? "\n]\n" : "");
    }

private:
    template <class Visit>
    static void each_column(Visit visit) {
        using Members = boost::describe::describe_members<Row, boost::describe::mod_public>;
        boost::mp11::mp_for_each<Members>(visit);
    }

    void add_cell(std::size_t column, const char* name, const Cell& cell) {
        if (cell.sum && is_total(name)) {
            std::optional<std::int64_t>& total = totals_.at(column);
            total = total.value_or(0) + *cell.sum;
        }
        if (format_ != ReportFormat::Csv) {
            line_ += '"';
            line_ += name;
            line_ += cell.null ? "\":null" : cell.quoted ? "\":\"" : "\":";
        }
        line_ += cell.quoted ? escape_cell(cell.text) : cell.text;
        line_ += format_ != ReportFormat::Csv && cell.quoted && !cell.null ? "\"" : "";
    }

    static constexpr std::size_t kColumns = boost::mp11::mp_size<
        boost::describe::describe_members<Row, boost::describe::mod_public>>::value;

    Report& report_;
    ReportFormat format_;
    std::string line_;
    std::array<std::optional<std::int64_t>, kColumns> totals_{};
};

}  // namespace khu::daemon
