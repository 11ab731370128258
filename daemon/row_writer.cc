#include "daemon/row_writer.h"

namespace khu::daemon {

namespace {

/// "-12.500000" begins with a sign and is no formula.
bool is_negative_number(const std::string& text) {
    return text.size() > 1 && text.front() == '-' &&
           text.find_first_not_of("0123456789.", 1) == std::string::npos;
}

}  // namespace

std::string escape_cell(const std::string& text) {
    if (is_negative_number(text)) {
        return text;
    }
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '.' || c == '_' || c == ';' || c == ':' ||
                           c == ' ' || byte >= 0x80 || (c == '-' && !out.empty());
        if (plain) {
            out += c;
        } else {
            out += '%';
            out += hex[byte >> 4];
            out += hex[byte & 15];
        }
    }
    return out;
}

bool is_total(std::string_view column) {
    return column.ends_with("_ugs") || column.ends_with("_mvnd") || column.ends_with("Ugs") ||
           column.ends_with("Mvnd") || column == "elapsed_s";
}

}  // namespace khu::daemon
