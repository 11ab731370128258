#include "core/base/refusal.h"

#include <algorithm>

namespace khu {
namespace {

std::string show(const Datum& datum) {
    if (const auto* words = std::get_if<std::string>(&datum.value)) {
        return *words;
    }
    const std::int64_t number = std::get<std::int64_t>(datum.value);
    const std::string_view key = datum.key;
    if (key.ends_with("_ugs")) {
        return format_gpu_hours_short(Atoms{number});
    }
    if (key.ends_with("_mvnd")) {
        return format_dong(Mvnd{number});
    }
    if (key.ends_with("_bytes")) {
        return format_bytes(Bytes{number});
    }
    if (key.ends_with("_ms")) {
        return format_span(Span{number});
    }
    if (key.ends_with("_s")) {
        return format_span(seconds(number));
    }
    if (key.ends_with("_at")) {
        return format_utc(Moment{number});
    }
    return std::to_string(number);
}

std::string fill(std::string_view pattern, const std::vector<Datum>& data) {
    std::string out;
    while (!pattern.empty()) {
        const std::size_t open = pattern.find('{');
        const std::size_t close = pattern.find('}', open);
        if (open == std::string_view::npos || close == std::string_view::npos) {
            out += pattern;
            break;
        }
        out += pattern.substr(0, open);
        const std::string_view key = pattern.substr(open + 1, close - open - 1);
        const auto found = std::ranges::find(data, key, &Datum::key);
        out += found == data.end() ? std::string("?") : show(*found);
        pattern.remove_prefix(close + 1);
    }
    return out;
}

}  // namespace

const std::vector<CodeInfo>& all_codes() {
    static const std::vector<CodeInfo> codes{
#define KHU_CODE(Enumerator, id, name, kind, http, en, remedy_en, vi, remedy_vi) \
    CodeInfo{Code::Enumerator, id, name, CodeKind::kind, http, en, remedy_en, vi, remedy_vi},
#include "core/base/codes.def"
#undef KHU_CODE
    };
    return codes;
}

const CodeInfo& info(Code code) {
    return all_codes().at(static_cast<std::size_t>(code));
}

const CodeInfo* find_code(std::string_view id) {
    const auto found = std::ranges::find(all_codes(), id, &CodeInfo::id);
    return found == all_codes().end() ? nullptr : &*found;
}

Refusal&& Refusal::with(std::string key, std::int64_t number) && {
    data.push_back(Datum{std::move(key), number});
    return std::move(*this);
}

Refusal&& Refusal::with(std::string key, std::string words) && {
    data.push_back(Datum{std::move(key), std::move(words)});
    return std::move(*this);
}

namespace {

/// "alternative 2: ", where the refusal is about one of several that were asked for.
std::string about_alternative(const Refusal& refusal, Language language) {
    for (const Datum& datum : refusal.data) {
        const auto* number = std::get_if<std::int64_t>(&datum.value);
        if (datum.key == "alternative" && number != nullptr) {
            const char* word = language == Language::English ? "alternative " : "phương án ";
            return word + std::to_string(*number) + ": ";
        }
    }
    return {};
}

}  // namespace

std::string text(const Refusal& refusal, Language language) {
    const CodeInfo& about = info(refusal.code);
    return about_alternative(refusal, language) +
           fill(language == Language::English ? about.text_en : about.text_vi, refusal.data);
}

std::string remedy(const Refusal& refusal, Language language) {
    const CodeInfo& about = info(refusal.code);
    return fill(language == Language::English ? about.remedy_en : about.remedy_vi, refusal.data);
}

}  // namespace khu
