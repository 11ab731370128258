#pragma once

/// \file
/// Rows and columns for people and for scripts. A table fits the terminal: what is too wide loses
/// its end, marked with an ellipsis, in the columns that say they may shrink. Piped, it is plain:
/// nothing is cut and nothing is decorated. As CSV it has stable snake_case names, integers and UTC
/// times (RFC 4180, lines end in LF).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/text.h"

namespace khu::cli {

enum class Align { Left, Right };

struct Column {
    std::string title{};  ///< "NODES"
    std::string csv{};    ///< "nodes"
    Align align{Align::Left};
    bool shrinks{false};  ///< may lose its end on a narrow terminal
    bool wide{false};     ///< only with --format wide (and in CSV)
};

/// What people read, and what scripts read where that differs.
struct Cell {
    std::string shown;
    std::string raw;

    Cell(std::string both) : shown(both), raw(std::move(both)) {}
    Cell(const Text& both) : Cell(both.str()) {}
    Cell(const char* both) : shown(both), raw(both) {}
    Cell(std::int64_t number) : Cell(std::to_string(number)) {}
    Cell(std::string people, std::string scripts)
        : shown(std::move(people)), raw(std::move(scripts)) {}
};

struct Table {
    std::vector<Column> columns;
    std::vector<std::vector<Cell>> rows;
};

struct TableStyle {
    int width{0};      ///< of the terminal; 0: not a terminal, nothing is cut
    bool bold{false};  ///< the titles
    bool wide{false};  ///< also the wide columns
};

std::string format_table(const Table& table, const TableStyle& style);
std::string format_csv(const Table& table);
/// One row as "name  value" lines, for `show`. Claims: at most one row.
std::string format_sheet(const Table& table);

/// Cells that `text` (UTF-8) fills on a terminal: combining marks fill none, East Asian wide
/// characters two. An approximation of wcwidth(3) without a locale.
int display_width(std::string_view text);
/// The beginning of `text` that fills at most `width` cells, with "…" if something is missing.
std::string cut(std::string_view text, int width);

}  // namespace khu::cli
