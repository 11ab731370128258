#include "config/csv_rows.h"

#include "config/utf8.h"

namespace khu::config {

Refusal bad_line(std::int64_t line, std::string en, std::string vi) {
    return Refusal(Code::BadImport)
        .with("line", line)
        .with("why", std::move(en))
        .with("why_vi", std::move(vi));
}

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

}  // namespace khu::config
