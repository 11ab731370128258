#include "config/grant_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>

#include "config/csv_rows.h"
#include "config/values.h"

namespace khu::config {
namespace {

using Checked = Expected<Done, Refusal>;

constexpr std::array<std::string_view, 8> kColumns{"grant", "enterprise", "programme",    "amount",
                                                   "from",  "to",         "decision_ref", "permit"};
constexpr std::size_t kRequired = 6;

/// For each of kColumns its position in the rows; none where it is left out.
using Header = std::array<std::optional<std::size_t>, kColumns.size()>;

Expected<Header, Refusal> read_header(const CsvRow& row) {
    Header header;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
        const auto column = std::find(kColumns.begin(), kColumns.end(), row.cells[i]);
        const auto number = static_cast<std::size_t>(column - kColumns.begin());
        if (column == kColumns.end() || header[number]) {
            const std::string name = row.cells[i].substr(0, 60);
            return Unexpected{bad_line(row.line, "column '" + name + "' is unknown or there twice",
                                       "cột '" + name + "' không tồn tại hoặc có hai lần")};
        }
        header[number] = i;
    }
    for (std::size_t number = 0; number < kRequired; ++number) {
        if (!header[number]) {
            const std::string name(kColumns[number]);
            return Unexpected{
                bad_line(row.line, "column '" + name + "' is missing", "thiếu cột '" + name + "'")};
        }
    }
    return header;
}

/// Reads the cells of one row; the first that is wrong is kept.
class Cells {
public:
    Cells(const CsvRow& row, const Header& header) : row_(row), header_(header) {}

    template <class T>
    T value(std::size_t column, const Value<T>& read) {
        if (!read && !wrong_) {
            const std::string name(kColumns[column]);
            wrong_ = bad_line(row_.line, name + ": " + read.error().why_en,
                              name + ": " + read.error().why_vi);
        }
        return read ? *read : T{};
    }
    [[nodiscard]] std::string text(std::size_t column) const {
        return header_[column] ? row_.cells[*header_[column]] : std::string();
    }
    [[nodiscard]] const std::optional<Refusal>& wrong() const { return wrong_; }

private:
    const CsvRow& row_;
    const Header& header_;
    std::optional<Refusal> wrong_;
};

Expected<GrantOffer, Refusal> read_offer(const CsvRow& row, const Header& header, int offset) {
    Cells cells(row, header);
    GrantOffer offer;
    offer.id = GrantId{cells.value(0, parse_reference(cells.text(0)))};
    offer.enterprise = EnterpriseId{cells.value(1, parse_tax_code(cells.text(1)))};
    offer.programme = ProgrammeId{cells.value(2, parse_identifier(cells.text(2)))};
    offer.amount = cells.value(3, parse_granted(cells.text(3)));
    offer.from = cells.value(4, parse_day_or_moment(cells.text(4), offset));
    offer.to = cells.value(5, parse_day_or_moment(cells.text(5), offset));
    offer.decision_ref = cells.text(6);
    offer.permit = cells.text(7);
    if (cells.wrong()) {
        return Unexpected{*cells.wrong()};
    }
    return offer;
}

Checked read_rows(CsvRows& rows, const Header& header, std::size_t width, int offset,
                  GrantRows& out) {
    std::set<GrantId> seen;
    while (!rows.at_end()) {
        const auto row = rows.next();
        if (!row) {
            return Unexpected{row.error()};
        }
        if (row->cells.size() != width) {
            return Unexpected{bad_line(row->line,
                                       std::to_string(row->cells.size()) +
                                           " cells, the header has " + std::to_string(width),
                                       std::to_string(row->cells.size()) + " ô, dòng tiêu đề có " +
                                           std::to_string(width))};
        }
        auto offer = read_offer(*row, header, offset);
        if (!offer) {
            return Unexpected{std::move(offer).error()};
        }
        if (!seen.insert(offer->id).second) {
            return Unexpected{bad_line(row->line, "grant " + offer->id.value + " is there twice",
                                       "hạn mức " + offer->id.value + " có hai lần")};
        }
        out.offers.push_back(*std::move(offer));
        out.lines.push_back(row->line);
    }
    return Done{};
}

/// In quotes where it must be.
std::string cell_of(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) {
        return text;
    }
    std::string quoted = "\"";
    for (const char c : text) {
        quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    }
    return quoted + '"';
}

std::string amount_cell(Atoms amount) {
    const bool whole = amount.value % gpu_hours(1).value == 0;
    return whole ? std::to_string(amount.value / gpu_hours(1).value) + " GPUh"
                 : std::to_string(amount.value) + " ugs";
}

/// A day where it is one, else the moment in UTC.
std::string moment_cell(Moment at, int offset) {
    const std::string local = format_local(at, offset);
    const bool midnight = (at.value + offset * 60'000LL) % days(1).value == 0;
    const std::string second = format_utc(at);
    return midnight               ? local.substr(0, 10)
           : at.value % 1000 == 0 ? second
                                  : second.substr(0, 19) + fmt::format(".{:03}Z", at.value % 1000);
}

}  // namespace

std::string write_grant_csv(const std::vector<GrantOffer>& offers, int utc_offset_minutes) {
    std::string text;
    for (const std::string_view column : kColumns) {
        text += (text.empty() ? "" : ",");
        text += column;
    }
    text += '\n';
    for (const GrantOffer& offer : offers) {
        text += cell_of(offer.id.value) + ',' + cell_of(offer.enterprise.value) + ',' +
                cell_of(offer.programme.value) + ',' + amount_cell(offer.amount) + ',' +
                moment_cell(offer.from, utc_offset_minutes) + ',' +
                moment_cell(offer.to, utc_offset_minutes) + ',' + cell_of(offer.decision_ref) +
                ',' + cell_of(offer.permit) + '\n';
    }
    return text;
}

Expected<GrantRows, Refusal> read_grant_csv(std::string_view text, int utc_offset_minutes) {
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
    GrantRows out;
    if (Checked read = read_rows(rows, *header, first->cells.size(), utc_offset_minutes, out);
        !read) {
        return Unexpected{std::move(read).error()};
    }
    if (out.offers.empty()) {
        return Unexpected{bad_line(1, "the file has no grants", "tệp không có hạn mức nào")};
    }
    return out;
}

}  // namespace khu::config
