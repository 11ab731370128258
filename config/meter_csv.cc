#include "config/meter_csv.h"

#include <array>
#include <optional>
#include <string>

#include "config/csv_rows.h"
#include "config/values.h"

namespace khu::config {
namespace {

constexpr std::array<std::string_view, 9> kColumns{
    "row", "meter", "enterprise", "quantity", "from", "to", "corrects", "reason", "decision_ref"};
constexpr std::size_t kRequired = 6;

/// Of a correction also less than 0.
Value<std::int64_t> read_quantity(std::string_view text, bool correction) {
    const bool less = correction && text.starts_with('-');
    Value<std::int64_t> size = parse_quantity(text.substr(less ? 1 : 0));
    return size && less ? Value<std::int64_t>(-*size) : size;
}

}  // namespace

Expected<MeterRows, Refusal> read_meter_csv(std::string_view text, int utc_offset_minutes) {
    MeterRows out;
    const auto take = [&](CsvCells& cells) -> Expected<Done, Refusal> {
        MeterReading reading;
        reading.row = cells.value(0, parse_reference(cells.text(0)));
        reading.meter = MeterId{cells.value(1, parse_identifier(cells.text(1)))};
        reading.enterprise = EnterpriseId{cells.value(2, parse_tax_code(cells.text(2)))};
        reading.corrects = cells.text(6);
        reading.reason = cells.text(7);
        reading.decision_ref = cells.text(8);
        reading.quantity_micro =
            cells.value(3, read_quantity(cells.text(3), !reading.corrects.empty()));
        reading.from = cells.value(4, parse_day_or_moment(cells.text(4), utc_offset_minutes));
        reading.to = cells.value(5, parse_day_or_moment(cells.text(5), utc_offset_minutes));
        out.readings.push_back(std::move(reading));
        out.lines.push_back(cells.line());
        return Done{};
    };
    if (auto read = read_csv(text, {.names = kColumns, .required = kRequired}, take); !read) {
        return Unexpected{std::move(read).error()};
    }
    if (out.readings.empty()) {
        return Unexpected{bad_line(1, "the file has no rows", "tệp không có dòng nào")};
    }
    return out;
}

}  // namespace khu::config
