#include "config/utf8.h"

#include <fmt/format.h>

#include <cstdint>

namespace khu::config {
namespace {

struct Character {
    char32_t code{0};
    std::size_t bytes{0};  ///< 0: not UTF-8
};

/// The character at the begin of `text`, which is not empty. Source: Unicode 15, table 3-7.
Character first_character(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
    };
    const std::uint32_t lead = byte(0);
    const std::size_t size = lead < 0x80                    ? 1
                             : lead >= 0xC2 && lead <= 0xDF ? 2
                             : lead >= 0xE0 && lead <= 0xEF ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
    if (size == 0 || size > text.size()) {
        return {};
    }
    if (size == 1) {
        return {lead, 1};
    }
    std::uint32_t code = lead & (0xFFU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xC0U) != 0x80U) {
            return {};
        }
        code = (code << 6) | (byte(i) & 0x3FU);
    }
    const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    return overlong || surrogate || code > 0x10FFFF ? Character{} : Character{code, size};
}

bool is_control(char32_t c) {
    return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7F && c <= 0x9F) ||
           c == 0x2028 || c == 0x2029;
}

bool turns_direction(char32_t c) {
    return c == 0x200E || c == 0x200F || c == 0x061C || (c >= 0x202A && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

}  // namespace

std::vector<BadCharacter> bad_characters(std::string_view text, std::size_t most) {
    std::vector<BadCharacter> found;
    Place place;
    while (!text.empty() && found.size() < most) {
        const Character character = first_character(text);
        if (character.bytes == 0) {
            found.push_back({place, "invalid UTF-8", "UTF-8 không hợp lệ"});
        } else if (is_control(character.code) || turns_direction(character.code)) {
            const auto code = static_cast<std::uint32_t>(character.code);
            found.push_back({place, fmt::format("control character U+{:04X}", code),
                             fmt::format("ký tự điều khiển U+{:04X}", code)});
        }
        text.remove_prefix(character.bytes == 0 ? 1 : character.bytes);
        const bool ends_line = character.code == '\n';
        place = ends_line ? Place{place.line + 1, 1} : Place{place.line, place.column + 1};
    }
    return found;
}

int count_characters(std::string_view text) {
    int count = 0;
    for (const char c : text) {
        count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
    }
    return count;
}

}  // namespace khu::config
