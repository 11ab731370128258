#pragma once

/// \file
/// The text in which agent and shepherd speak: records "key LENGTH\nvalue\n", one after the other.
/// Values are bytes, so a script with any content needs no escapes, and the shepherd needs no JSON
/// library. Both ends are installed together; a key that the reader does not know is an error.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace khu::agent {

struct Record {
    std::string_view key;
    std::string_view value;
};

void add_record(std::string& text, std::string_view key, std::string_view value);
void add_record(std::string& text, std::string_view key, std::int64_t value);

/// None if the text is cut off or is not records. The records point into `text`.
std::optional<std::vector<Record>> parse_records(std::string_view text);

/// A whole decimal number, nothing around it.
std::optional<std::int64_t> parse_number(std::string_view text);

}  // namespace khu::agent
