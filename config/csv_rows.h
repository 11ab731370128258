#pragma once

/// \file
/// CSV files of imports (RFC 4180, UTF-8, a header of known columns in any order): rows become
/// cells, and each complaint names its line. R304 is the refusal of all of them.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/values.h"
#include "core/base/expected.h"
#include "core/base/refusal.h"

namespace khu::config {

Refusal bad_line(std::int64_t line, std::string en, std::string vi);

struct CsvColumns {
    std::span<const std::string_view> names;
    std::size_t required{0};  ///< so many of the first; the others may be left out
};

struct CsvRow {
    std::int64_t line{1};
    std::vector<std::string> cells;
};
/// For each column its position in the rows; none where it is left out.
using CsvHeader = std::vector<std::optional<std::size_t>>;

/// The cells of one row by column; the first that is wrong is kept.
class CsvCells {
public:
    CsvCells(const CsvRow& row, const CsvColumns& columns, const CsvHeader& header)
        : row_(row), columns_(columns), header_(header) {}

    [[nodiscard]] std::int64_t line() const { return row_.line; }
    /// Empty where the column is left out.
    [[nodiscard]] std::string text(std::size_t column) const {
        return header_[column] ? row_.cells[*header_[column]] : std::string();
    }
    template <class T>
    T value(std::size_t column, const Value<T>& read) {
        if (!read && !wrong_) {
            const std::string name(columns_.names[column]);
            wrong_ = bad_line(row_.line, name + ": " + read.error().why_en,
                              name + ": " + read.error().why_vi);
        }
        return read ? *read : T{};
    }
    [[nodiscard]] const std::optional<Refusal>& wrong() const { return wrong_; }

private:
    const CsvRow& row_;
    const CsvColumns& columns_;
    const CsvHeader& header_;
    std::optional<Refusal> wrong_;
};

/// Gives every row to `take`, which may refuse it; a cell that is wrong goes before that. Errors:
/// R304 for what is not UTF-8, a header with a column that is unknown, missing or there twice, a
/// row of another width.
Expected<Done, Refusal> read_csv(std::string_view text, const CsvColumns& columns,
                                 const std::function<Expected<Done, Refusal>(CsvCells&)>& take);

}  // namespace khu::config
