#include "cli/received_rows.h"

namespace khu::cli {

void RowCounter::take(std::string_view piece) {
    for (const char c : piece) {
        if (form_ == ReportForm::Json) {
            take_json(c);
            continue;
        }
        if (c == '"' && form_ == ReportForm::Csv) {
            in_quotes_ = !in_quotes_;  // A doubled quote toggles twice.
        }
        const bool ends = c == '\n' && !in_quotes_;
        lines_ += ends ? 1 : 0;
        line_open_ = !ends;
    }
}

std::int64_t RowCounter::rows() const {
    if (form_ == ReportForm::Json) {
        return elements_;
    }
    const std::int64_t all = lines_ + (line_open_ ? 1 : 0);
    return form_ == ReportForm::Csv && all > 0 ? all - 1 : all;
}

/// An element of the array of rows is an object that opens right inside of it.
void RowCounter::take_json(char c) {
    if (in_quotes_) {
        in_quotes_ = escaped_ || c != '"';
        escaped_ = c == '\\' && !escaped_;
        return;
    }
    switch (c) {
        case '"':
            in_quotes_ = true;
            return;
        case '[':
            ++depth_;
            array_depth_ = array_depth_ == 0 ? depth_ : array_depth_;
            return;
        case '{':
            elements_ += array_depth_ != 0 && depth_ == array_depth_ ? 1 : 0;
            ++depth_;
            return;
        case ']':
        case '}':
            --depth_;
            return;
    }
}

}  // namespace khu::cli
