#include "config/meter_csv.h"

#include <array>
#include <optional>
#include <string>

#include "config/csv_rows.h"
#include "config/values.h"

namespace khu::config {
namespace {

constexpr std::array<std::string_view, 6> kColumns{"row",      "meter", "enterprise",
                                                   "quantity", "from",  "to"};
/// For each of kColumns its position in the rows.
using Header = std::array<std::size_t, kColumns.size()>;

Expected<Header, Refusal> read_header(const CsvRow& row) {
    std::array<std::optional<std::size_t>, kColumns.size()> found;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
        const auto* column = std::find(kColumns.begin(), kColumns.end(), row.cells[i]);
        const auto number = static_cast<std::size_t>(column - kColumns.begin());
        if (column == kColumns.end() || found[number]) {
            const std::string name = row.cells[i].substr(0, 60);
            return Unexpected{bad_line(row.line, "column '" + name + "' is unknown or there twice",
                                       "cột '" + name + "' không tồn tại hoặc có hai lần")};
        }
        found[number] = i;
    }
    Header header{};
    for (std::size_t number = 0; number < kColumns.size(); ++number) {
        if (!found[number]) {
            const std::string name(kColumns[number]);
            return Unexpected{
                bad_line(row.line, "column '" + name + "' is missing", "thiếu cột '" + name + "'")};
        }
        header[number] = *found[number];
    }
    return header;
}

/// Reads one row; the first cell that is wrong is kept.
class Reading {
public:
    Reading(const CsvRow& row, const Header& header) : row_(row), header_(header) {}

    Expected<MeterReading, Refusal> read(int offset) {
        MeterReading reading;
        reading.row = value(0, parse_reference(text(0)));
        reading.meter = MeterId{value(1, parse_identifier(text(1)))};
        reading.enterprise = EnterpriseId{value(2, parse_tax_code(text(2)))};
        reading.quantity_micro = value(3, parse_quantity(text(3)));
        reading.from = value(4, parse_day_or_moment(text(4), offset));
        reading.to = value(5, parse_day_or_moment(text(5), offset));
        if (wrong_) {
            return Unexpected{*wrong_};
        }
        return reading;
    }

private:
    [[nodiscard]] const std::string& text(std::size_t column) const {
        return row_.cells.at(header_[column]);
    }
    template <class T>
    T value(std::size_t column, const Value<T>& read) {
        if (!read && !wrong_) {
            const std::string name(kColumns[column]);
            wrong_ = bad_line(row_.line, name + ": " + read.error().why_en,
                              name + ": " + read.error().why_vi);
        }
        return read ? *read : T{};
    }

    const CsvRow& row_;
    const Header& header_;
    std::optional<Refusal> wrong_;
};

Expected<Done, Refusal> read_rows(CsvRows& rows, const Header& header, int offset, MeterRows& out) {
    while (!rows.at_end()) {
        const auto row = rows.next();
        if (!row) {
            return Unexpected{row.error()};
        }
        if (row->cells.size() != kColumns.size()) {
            const std::string have = std::to_string(row->cells.size());
            return Unexpected{bad_line(row->line, have + " cells, the header has 6",
                                       have + " ô, dòng tiêu đề có 6")};
        }
        auto reading = Reading(*row, header).read(offset);
        if (!reading) {
            return Unexpected{std::move(reading).error()};
        }
        out.readings.push_back(*std::move(reading));
        out.lines.push_back(row->line);
    }
    return Done{};
}

}  // namespace

Expected<MeterRows, Refusal> read_meter_csv(std::string_view text, int utc_offset_minutes) {
    const auto plain = csv_text(text);
    if (!plain) {
        return Unexpected{plain.error()};
    }
    CsvRows rows(*plain);
    const auto first = rows.next();
    if (!first) {
        return Unexpected{first.error()};
    }
    const auto header = read_header(*first);
    if (!header) {
        return Unexpected{header.error()};
    }
    MeterRows out;
    if (auto read = read_rows(rows, *header, utc_offset_minutes, out); !read) {
        return Unexpected{std::move(read).error()};
    }
    if (out.readings.empty()) {
        return Unexpected{bad_line(1, "the file has no rows", "tệp không có dòng nào")};
    }
    return out;
}

}  // namespace khu::config
