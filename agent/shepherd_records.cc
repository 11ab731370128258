#include "agent/shepherd_records.h"

#include <charconv>

namespace khu::agent {

void add_record(std::string& text, std::string_view key, std::string_view value) {
    text.append(key).append(" ").append(std::to_string(value.size())).append("\n");
    text.append(value).append("\n");
}

void add_record(std::string& text, std::string_view key, std::int64_t value) {
    add_record(text, key, std::string_view(std::to_string(value)));
}

std::optional<std::int64_t> parse_number(std::string_view text) {
    std::int64_t number{};
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end) {
        return std::nullopt;
    }
    return number;
}

std::optional<std::vector<Record>> parse_records(std::string_view text) {
    std::vector<Record> records;
    while (!text.empty()) {
        const std::size_t line = text.find('\n');
        const std::size_t blank = text.substr(0, line).find(' ');
        if (line == std::string_view::npos || blank == std::string_view::npos) {
            return std::nullopt;
        }
        const std::string_view key = text.substr(0, blank);
        const auto length = parse_number(text.substr(blank + 1, line - blank - 1));
        text.remove_prefix(line + 1);
        if (!length || *length < 0 || text.size() <= static_cast<std::size_t>(*length)) {
            return std::nullopt;
        }
        const auto size = static_cast<std::size_t>(*length);
        if (text[size] != '\n') {
            return std::nullopt;
        }
        records.push_back({.key = key, .value = text.substr(0, size)});
        text.remove_prefix(size + 1);
    }
    return records;
}

}  // namespace khu::agent
