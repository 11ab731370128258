#pragma once

/// \file
/// A CSV file cut into rows of cells (RFC 4180, UTF-8), for imports: the line of each row is known,
/// so that a complaint can name it. R304 is the refusal of all of them.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/expected.h"
#include "core/base/refusal.h"

namespace khu::config {

Refusal bad_line(std::int64_t line, std::string en, std::string vi);
/// The text behind its byte order mark, if it has one. Errors: R304 for what is not UTF-8, or a
/// control character.
Expected<std::string_view, Refusal> csv_text(std::string_view text);

struct CsvRow {
    std::int64_t line{1};
    std::vector<std::string> cells;
};

/// Cuts the text into rows; a cell in quotes may contain commas, line ends and doubled quotes.
class CsvRows {
public:
    explicit CsvRows(std::string_view text) : text_(text) {}

    [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }

    Expected<CsvRow, Refusal> next() {
        CsvRow row{.line = line_, .cells = {}};
        for (;;) {
            auto cell = quoted() ? quoted_cell() : plain_cell();
            if (!cell) {
                return Unexpected{std::move(cell).error()};
            }
            row.cells.push_back(*std::move(cell));
            if (at_end() || text_[at_] != ',') {
                break;
            }
            ++at_;
        }
        end_of_line();
        return row;
    }

private:
    [[nodiscard]] bool quoted() const { return !at_end() && text_[at_] == '"'; }

    Expected<std::string, Refusal> plain_cell() {
        const std::size_t end = std::min(text_.find_first_of(",\n", at_), text_.size());
        std::string cell(text_.substr(at_, end - at_));
        at_ = end;
        if (!cell.empty() && cell.back() == '\r') {
            cell.pop_back();
        }
        return cell;
    }

    Expected<std::string, Refusal> quoted_cell() {
        std::string cell;
        const std::int64_t begin = line_;
        for (++at_; !at_end(); ++at_) {
            const char c = text_[at_];
            if (c == '"' && at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
                ++at_;
            } else if (c == '"') {
                ++at_;
                skip_return();
                const bool closed = at_end() || text_[at_] == ',' || text_[at_] == '\n';
                return closed ? Expected<std::string, Refusal>(std::move(cell)) : stray(begin);
            }
            line_ += c == '\n' ? 1 : 0;
            cell += c;
        }
        return stray(begin);
    }

    Expected<std::string, Refusal> stray(std::int64_t line) const {
        return Unexpected{bad_line(line, "a quote that is not closed, or text after one",
                                   "dấu ngoặc kép không đóng, hoặc còn chữ phía sau")};
    }

    void skip_return() {
        if (at_ + 1 < text_.size() && text_[at_] == '\r' && text_[at_ + 1] == '\n') {
            ++at_;
        }
    }

    void end_of_line() {
        if (!at_end()) {
            ++at_;
            ++line_;
        }
    }

    std::string_view text_;
    std::size_t at_{0};
    std::int64_t line_{1};
};

}  // namespace khu::config
