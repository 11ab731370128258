#include "cli/messages.h"

#include <array>
#include <cstdlib>

namespace khu::cli {
namespace {

struct Entry {
    std::string_view en;
    std::string_view vi;
};

constexpr auto kCatalogue = std::to_array<Entry>({
#define KHU_MESSAGE(Enumerator, en, vi) {en, vi},
#include "cli/help.def"
#include "cli/words.def"
#undef KHU_MESSAGE
});

}  // namespace

std::string_view words(Message message, Language language) {
    const Entry& entry = kCatalogue.at(static_cast<std::size_t>(message));
    return language == Language::Vietnamese ? entry.vi : entry.en;
}

std::string say(Message message, Language language,
                std::initializer_list<std::string_view> values) {
    const std::string_view pattern = words(message, language);
    std::string out;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const bool placeholder =
            pattern[i] == '{' && i + 2 < pattern.size() && pattern[i + 2] == '}';
        const auto position = placeholder ? static_cast<std::size_t>(pattern[i + 1] - '0') : 99;
        if (position < values.size()) {
            out += values.begin()[position];
            i += 2;
        } else {
            out += pattern[i];
        }
    }
    return out;
}

int message_count() {
    return static_cast<int>(kCatalogue.size());
}

Language language_of_environment() {
    for (const char* name : {"KHU_LANG", "LC_ALL", "LC_MESSAGES", "LANG"}) {
        const char* value = std::getenv(name);
        if (value != nullptr && *value != '\0') {
            return std::string_view(value).starts_with("vi") ? Language::Vietnamese
                                                             : Language::English;
        }
    }
    return Language::English;
}

}  // namespace khu::cli
