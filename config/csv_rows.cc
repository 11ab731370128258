#include "config/csv_rows.h"

#include <algorithm>

#include "config/utf8.h"

namespace khu::config {

Refusal bad_line(std::int64_t line, std::string en, std::string vi) {
    return Refusal(Code::BadImport)
        .with("line", line)
        .with("why", std::move(en))
        .with("why_vi", std::move(vi));
}

namespace {

/// The text behind its byte order mark, if it has one.
Expected<std::string_view, Refusal> csv_text(std::string_view text) {
    for (const BadCharacter& bad : bad_characters(text, 1)) {
        return Unexpected{bad_line(bad.place.line, bad.why_en, bad.why_vi)};
    }
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text.starts_with(kByteOrderMark)) {
        text.remove_prefix(kByteOrderMark.size());
    }
    return text;
}

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

Expected<CsvHeader, Refusal> read_header(const CsvRow& row, const CsvColumns& columns) {
    CsvHeader header(columns.names.size());
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
        const auto column = std::ranges::find(columns.names, row.cells[i]);
        const auto number = static_cast<std::size_t>(column - columns.names.begin());
        if (column == columns.names.end() || header[number]) {
            const std::string name = row.cells[i].substr(0, 60);
            return Unexpected{bad_line(row.line, "column '" + name + "' is unknown or there twice",
                                       "cột '" + name + "' không tồn tại hoặc có hai lần")};
        }
        header[number] = i;
    }
    for (std::size_t number = 0; number < columns.required; ++number) {
        if (!header[number]) {
            const std::string name(columns.names[number]);
            return Unexpected{
                bad_line(row.line, "column '" + name + "' is missing", "thiếu cột '" + name + "'")};
        }
    }
    return header;
}

}  // namespace

Expected<Done, Refusal> read_csv(std::string_view text, const CsvColumns& columns,
                                 const std::function<Expected<Done, Refusal>(CsvCells&)>& take) {
    const auto plain = csv_text(text);
    if (!plain) {
        return Unexpected{plain.error()};
    }
    CsvRows rows(*plain);
    const auto first = rows.next();
    if (!first) {
        return Unexpected{first.error()};
    }
    const auto header = read_header(*first, columns);
    if (!header) {
        return Unexpected{header.error()};
    }
    while (!rows.at_end()) {
        const auto row = rows.next();
        if (!row) {
            return Unexpected{row.error()};
        }
        if (row->cells.size() != first->cells.size()) {
            const std::string have = std::to_string(row->cells.size());
            const std::string wanted = std::to_string(first->cells.size());
            return Unexpected{bad_line(row->line, have + " cells, the header has " + wanted,
                                       have + " ô, dòng tiêu đề có " + wanted)};
        }
        CsvCells cells(*row, columns, *header);
        auto taken = take(cells);
        if (cells.wrong()) {
            return Unexpected{*cells.wrong()};
        }
        if (!taken) {
            return taken;
        }
    }
    return Done{};
}

}  // namespace khu::config
