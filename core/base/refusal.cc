#include "core/base/refusal.h"

#include <algorithm>
#include <array>

namespace khu {
namespace {

constexpr const char* kLimitKey = "limit_key";
constexpr const char* kLayer = "layer";
constexpr const char* kPolicy = "policy";
constexpr const char* kLine = "line";

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

Refusal&& Refusal::limited_by(std::string key_path) && {
    return std::move(*this).with(kLimitKey, std::move(key_path));
}

Refusal&& Refusal::citing(const RuleSource& source) && {
    data.push_back(Datum{kLayer, word_of(source.layer)});
    data.push_back(Datum{kPolicy, source.policy});
    if (source.line > 0) {
        data.push_back(Datum{kLine, std::int64_t{source.line}});
    }
    return std::move(*this);
}

namespace {

template <class T>
const T* find(const Refusal& refusal, std::string_view key) {
    const auto found = std::ranges::find(refusal.data, key, &Datum::key);
    return found == refusal.data.end() ? nullptr : std::get_if<T>(&found->value);
}

/// "alternative 2: ", where the refusal is about one of several that were asked for.
std::string about_alternative(const Refusal& refusal, Language language) {
    const auto* number = find<std::int64_t>(refusal, "alternative");
    if (number == nullptr) {
        return {};
    }
    const char* word = language == Language::English ? "alternative " : "phương án ";
    return word + std::to_string(*number) + ": ";
}

/// ", set by an at 2026-04-01T00:00:00Z": of a limit that stands in no text.
std::string who_set_it(const Refusal& refusal, Language language) {
    const auto* by = find<std::string>(refusal, "set_by");
    const auto* at = find<std::int64_t>(refusal, "set_at");
    if (by == nullptr || at == nullptr) {
        return {};
    }
    const bool english = language == Language::English;
    return (english ? ", set by " : ", do ") + *by + (english ? " at " : " đặt lúc ") +
           format_utc(Moment{*at});
}

/// " (zone dn-cvpm2-2026.2, line 88)", where it is known which limit says no.
std::string about_source(const Refusal& refusal, Language language) {
    const std::optional<RuleSource> source = cited_source(refusal);
    return source ? " (" + show(*source, language) + who_set_it(refusal, language) + ")"
                  : std::string();
}

}  // namespace

const std::string* limit_key(const Refusal& refusal) {
    return find<std::string>(refusal, kLimitKey);
}

std::optional<RuleSource> cited_source(const Refusal& refusal) {
    constexpr std::array layers{Layer::National, Layer::Province, Layer::Zone, Layer::Enterprise};
    const auto* word = find<std::string>(refusal, kLayer);
    const auto* policy = find<std::string>(refusal, kPolicy);
    const auto* line = find<std::int64_t>(refusal, kLine);
    if (word == nullptr || policy == nullptr) {
        return std::nullopt;
    }
    const auto layer =
        std::ranges::find_if(layers, [&](Layer each) { return word_of(each) == *word; });
    if (layer == layers.end()) {
        return std::nullopt;
    }
    return RuleSource{*layer, *policy, line == nullptr ? 0 : static_cast<int>(*line)};
}

std::string text(const Refusal& refusal, Language language) {
    const CodeInfo& about = info(refusal.code);
    return about_alternative(refusal, language) +
           fill(language == Language::English ? about.text_en : about.text_vi, refusal.data) +
           about_source(refusal, language);
}

std::string remedy(const Refusal& refusal, Language language) {
    const CodeInfo& about = info(refusal.code);
    return fill(language == Language::English ? about.remedy_en : about.remedy_vi, refusal.data);
}

}  // namespace khu
