#include "agent/shepherd_result.h"

#include <boost/describe.hpp>
#include <boost/mp11.hpp>

#include <cstdio>
#include <string_view>

namespace khu::agent {
namespace {

/// Bytes of the UTF-8 character at the start of `text`, 0 if there is none. Well-formed in length
/// only; overlong forms and surrogates are refused by their first bytes as RFC 3629 lists them.
std::size_t character_bytes(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const std::size_t length = byte(0) < 0x80 ? 1 : byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : 4;
    if (length == 1) {
        return 1;
    }
    if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if (byte(i) < 0x80 || byte(i) > 0xbf) {
            return 0;
        }
    }
    const bool overlong =
        (byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xf0 && byte(1) < 0x90);
    const bool outside = (byte(0) == 0xed && byte(1) > 0x9f) || (byte(0) == 0xf4 && byte(1) > 0x8f);
    return overlong || outside ? 0 : length;
}

/// A path may hold any bytes: those that are not UTF-8 become '?'.
void append_text(std::string& json, std::string_view text) {
    json += '"';
    while (!text.empty()) {
        const std::size_t length = character_bytes(text);
        const auto byte = static_cast<unsigned char>(text[0]);
        if (text[0] == '"' || text[0] == '\\') {
            json.append(1, '\\').append(1, text[0]);
        } else if (byte < 0x20) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", byte);
            json += escape;
        } else {
            json += length == 0 ? std::string_view("?") : text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    json += '"';
}

void append_value(std::string& json, const std::string& value) {
    append_text(json, value);
}
void append_value(std::string& json, bool value) {
    json += value ? "true" : "false";
}
void append_value(std::string& json, std::int64_t value) {
    json += std::to_string(value);
}

}  // namespace

std::string to_text(const ShepherdResult& result) {
    using Members = boost::describe::describe_members<ShepherdResult, boost::describe::mod_public>;
    std::string json;
    boost::mp11::mp_for_each<Members>([&](auto member) {
        json += json.empty() ? "{\"" : ",\"";
        json.append(member.name).append("\":");
        append_value(json, result.*member.pointer);
    });
    return json + "}\n";
}

}  // namespace khu::agent
