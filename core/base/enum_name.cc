#include "core/base/enum_name.h"

namespace khu {

std::string snake_case(std::string_view pascal) {
    std::string name;
    for (const char c : pascal) {
        const bool upper = c >= 'A' && c <= 'Z';
        if (upper && !name.empty()) {
            name += '_';
        }
        name += upper ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return name;
}

}  // namespace khu
