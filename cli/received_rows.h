#pragma once

/// \file
/// How many rows of a report have come: counted while the pieces arrive, to be held against the
/// manifest. CSV rows may have line breaks inside quotes; JSON lines have one row a line; a JSON
/// report is an array, or an object with one, whose elements are the rows.

#include <cstdint>
#include <string>
#include <string_view>

namespace khu::cli {

enum class ReportForm { Csv, JsonLines, Json };

class RowCounter {
public:
    explicit RowCounter(ReportForm form) : form_(form) {}

    void take(std::string_view piece);
    /// Without the header of a CSV.
    [[nodiscard]] std::int64_t rows() const;

private:
    void take_json(char c);

    ReportForm form_;
    std::int64_t lines_{0};
    std::int64_t elements_{0};
    bool line_open_{false};  ///< bytes since the last line break
    bool in_quotes_{false};
    bool escaped_{false};
    int depth_{0};
    int array_depth_{0};  ///< depth of the array of rows; 0: not seen yet
};

}  // namespace khu::cli
