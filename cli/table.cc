#include "cli/table.h"

#include <algorithm>

#include "core/base/check.h"

namespace khu::cli {
namespace {

constexpr std::string_view kGap = "  ";
constexpr int kNarrowest = 6;

struct Character {
    char32_t code{0};
    std::size_t bytes{1};
};

/// Lenient: a byte that is not UTF-8 counts as one character of one cell.
Character first_character(std::string_view text) {
    const auto byte = static_cast<unsigned char>(text.front());
    const std::size_t length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    if (length == 1 || length > text.size() || byte < 0xc0) {
        return {byte, 1};
    }
    char32_t code = byte & (0xffU >> (length + 1));
    for (const char next : text.substr(1, length - 1)) {
        code = (code << 6U) | (static_cast<unsigned char>(next) & 0x3fU);
    }
    return {code, length};
}

int cells_of(char32_t code) {
    const auto in = [code](char32_t low, char32_t high) { return code >= low && code <= high; };
    if (in(0x300, 0x36f) || in(0x200b, 0x200f)) {
        return 0;
    }
    const bool wide = in(0x1100, 0x115f) || in(0x2e80, 0xa4cf) || in(0xac00, 0xd7a3) ||
                      in(0xf900, 0xfaff) || in(0xfe30, 0xfe6f) || in(0xff00, 0xff60) ||
                      in(0x1f300, 0x1faff) || in(0x20000, 0x3fffd);
    return wide ? 2 : 1;
}

/// A tab or a line break inside a cell would tear the table apart.
std::string one_line(std::string_view text) {
    std::string out(text);
    std::ranges::replace_if(
        out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
    return out;
}

std::vector<std::size_t> columns_shown(const Table& table, bool wide) {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        if (wide || !table.columns[i].wide) {
            out.push_back(i);
        }
    }
    return out;
}

std::vector<int> natural_widths(const Table& table, const std::vector<std::size_t>& shown) {
    std::vector<int> widths;
    for (const std::size_t column : shown) {
        int width = display_width(table.columns[column].title);
        for (const auto& row : table.rows) {
            width = std::max(width, display_width(row.at(column).shown));
        }
        widths.push_back(width);
    }
    return widths;
}

/// Takes cells from the widest column that may shrink until all fit, or none can give more.
void shrink(const Table& table, const std::vector<std::size_t>& shown, int terminal,
            std::vector<int>& widths) {
    int total = static_cast<int>(kGap.size() * (shown.size() - 1));
    for (const int width : widths) {
        total += width;
    }
    while (total > terminal) {
        int* widest = nullptr;
        for (std::size_t i = 0; i < shown.size(); ++i) {
            const bool may = table.columns[shown[i]].shrinks && widths[i] > kNarrowest;
            if (may && (widest == nullptr || widths[i] > *widest)) {
                widest = &widths[i];
            }
        }
        if (widest == nullptr) {
            return;
        }
        --*widest;
        --total;
    }
}

void add_cell(std::string& line, const Column& column, const std::string& text, int width) {
    const std::string kept = cut(text, width);
    const auto space = static_cast<std::size_t>(std::max(0, width - display_width(kept)));
    if (column.align == Align::Right) {
        line.append(space, ' ');
        line += kept;
    } else {
        line += kept;
        line.append(space, ' ');
    }
}

void end_line(std::string& line) {
    line.erase(line.find_last_not_of(' ') + 1);
    line += '\n';
}

std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) {
        return text;
    }
    std::string out = "\"";
    for (const char c : text) {
        out += c == '"' ? "\"\"" : std::string(1, c);
    }
    return out + "\"";
}

}  // namespace

int display_width(std::string_view text) {
    int width = 0;
    while (!text.empty()) {
        const Character character = first_character(text);
        width += cells_of(character.code);
        text.remove_prefix(character.bytes);
    }
    return width;
}

std::string cut(std::string_view text, int width) {
    if (display_width(text) <= width) {
        return std::string(text);
    }
    std::string out;
    int used = 0;
    while (!text.empty()) {
        const Character character = first_character(text);
        used += cells_of(character.code);
        if (used > width - 1) {
            break;
        }
        out += text.substr(0, character.bytes);
        text.remove_prefix(character.bytes);
    }
    return out + "…";
}

std::string format_table(const Table& table, const TableStyle& style) {
    const std::vector<std::size_t> shown = columns_shown(table, style.wide);
    Table clean{.columns = table.columns, .rows = table.rows};
    for (auto& row : clean.rows) {
        for (Cell& cell : row) {
            cell.shown = one_line(cell.shown);
        }
    }
    std::vector<int> widths = natural_widths(clean, shown);
    if (style.width > 0) {
        shrink(clean, shown, style.width, widths);
    }
    std::string out;
    const auto add_line = [&](const auto& text_of) {
        std::string line;
        for (std::size_t i = 0; i < shown.size(); ++i) {
            line += i == 0 ? "" : kGap;
            add_cell(line, clean.columns[shown[i]], text_of(shown[i]), widths[i]);
        }
        end_line(line);
        out += line;
    };
    out += style.bold ? "\033[1m" : "";
    add_line([&](std::size_t column) { return clean.columns[column].title; });
    out += style.bold ? "\033[0m" : "";
    for (const auto& row : clean.rows) {
        add_line([&](std::size_t column) { return row.at(column).shown; });
    }
    return out;
}

std::string format_csv(const Table& table) {
    std::string out;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        out += (i == 0 ? "" : ",") + csv_field(table.columns[i].csv);
    }
    out += '\n';
    for (const auto& row : table.rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            out += (i == 0 ? "" : ",") + csv_field(row[i].raw);
        }
        out += '\n';
    }
    return out;
}

std::string format_sheet(const Table& table) {
    KHU_CHECK(table.rows.size() <= 1, "{} rows", table.rows.size());
    int width = 0;
    for (const Column& column : table.columns) {
        width = std::max(width, display_width(column.title));
    }
    std::string out;
    for (const auto& row : table.rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (row[i].shown.empty()) {
                continue;
            }
            std::string line;
            add_cell(line, Column{}, table.columns[i].title, width);
            line += kGap;
            line += one_line(row[i].shown);
            end_line(line);
            out += line;
        }
    }
    return out;
}

}  // namespace khu::cli
