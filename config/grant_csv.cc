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

constexpr std::array<std::string_view, 9> kColumns{"grant",        "enterprise", "programme",
                                                   "amount",       "from",       "to",
                                                   "decision_ref", "permit",     "voucher"};
constexpr std::size_t kRequired = 6;

GrantOffer read_offer(CsvCells& cells, int offset) {
    GrantOffer offer;
    offer.id = GrantId{cells.value(0, parse_reference(cells.text(0)))};
    offer.enterprise = EnterpriseId{cells.value(1, parse_tax_code(cells.text(1)))};
    offer.programme = ProgrammeId{cells.value(2, parse_identifier(cells.text(2)))};
    offer.amount = cells.value(3, parse_granted(cells.text(3)));
    offer.from = cells.value(4, parse_day_or_moment(cells.text(4), offset));
    offer.to = cells.value(5, parse_day_or_moment(cells.text(5), offset));
    offer.decision_ref = cells.text(6);
    offer.permit = cells.text(7);
    offer.voucher = cells.text(8);
    return offer;
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
                ',' + cell_of(offer.permit) + ',' + cell_of(offer.voucher) + '\n';
    }
    return text;
}

Expected<GrantRows, Refusal> read_grant_csv(std::string_view text, int utc_offset_minutes) {
    GrantRows out;
    std::set<GrantId> seen;
    const auto take = [&](CsvCells& cells) -> Expected<Done, Refusal> {
        GrantOffer offer = read_offer(cells, utc_offset_minutes);
        if (!seen.insert(offer.id).second) {
            return Unexpected{bad_line(cells.line(), "grant " + offer.id.value + " is there twice",
                                       "hạn mức " + offer.id.value + " có hai lần")};
        }
        out.offers.push_back(std::move(offer));
        out.lines.push_back(cells.line());
        return Done{};
    };
    if (auto read = read_csv(text, {.names = kColumns, .required = kRequired}, take); !read) {
        return Unexpected{std::move(read).error()};
    }
    if (out.offers.empty()) {
        return Unexpected{bad_line(1, "the file has no grants", "tệp không có hạn mức nào")};
    }
    return out;
}

}  // namespace khu::config
