#pragma once

/// \file
/// The rows of a CSV text (RFC 4180): cells between commas, quotes around cells that hold commas,
/// quotes or line breaks; lines end in LF or CRLF. Each cell keeps its place. Empty lines are left
/// out.

#include <string>
#include <string_view>
#include <vector>

#include "config/yaml_tree.h"

namespace khu::cli {

struct CsvCell {
    std::string text;
    config::Place place;
};

class CsvRows {
public:
    /// A byte order mark in front is skipped. `text` must outlive this.
    explicit CsvRows(std::string_view text);

    /// False at the end, and where a quote is never closed.
    bool next(std::vector<CsvCell>& cells);
    [[nodiscard]] bool quote_open() const { return quote_open_; }

private:
    void take_cell(std::vector<CsvCell>& cells);
    void take_quoted(std::string& cell);
    void step();
    [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }

    std::string_view text_;
    std::size_t at_{0};
    config::Place place_;
    bool quote_open_{false};
};

}  // namespace khu::cli
