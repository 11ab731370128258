#include "cli/plan/csv_rows.h"

namespace khu::cli {

CsvRows::CsvRows(std::string_view text) : text_(text) {
    if (text_.starts_with("\xef\xbb\xbf")) {
        text_.remove_prefix(3);
    }
}

void CsvRows::step() {
    if (text_[at_] == '\n') {
        ++place_.line;
        place_.column = 1;
    } else {
        ++place_.column;
    }
    ++at_;
}

void CsvRows::take_quoted(std::string& cell) {
    step();
    while (!at_end()) {
        const bool quote = text_[at_] == '"';
        const bool doubled = quote && at_ + 1 < text_.size() && text_[at_ + 1] == '"';
        if (quote && !doubled) {
            step();
            return;
        }
        cell += text_[at_];
        step();
        if (doubled) {
            step();
        }
    }
    quote_open_ = true;
}

void CsvRows::take_cell(std::vector<CsvCell>& cells) {
    CsvCell& cell = cells.emplace_back();
    cell.place = place_;
    if (!at_end() && text_[at_] == '"') {
        take_quoted(cell.text);
    }
    while (!at_end() && text_[at_] != ',' && text_[at_] != '\n') {
        cell.text += text_[at_];
        step();
    }
    if (cell.text.ends_with('\r')) {
        cell.text.pop_back();
    }
}

bool CsvRows::next(std::vector<CsvCell>& cells) {
    cells.clear();
    while (!at_end() && (text_[at_] == '\n' || text_[at_] == '\r')) {
        step();
    }
    if (at_end()) {
        return false;
    }
    take_cell(cells);
    while (!at_end() && text_[at_] == ',') {
        step();
        take_cell(cells);
    }
    return !quote_open_;
}

}  // namespace khu::cli
