#include "core/policy/key_lines.h"

#include <algorithm>

namespace khu {

int line_of(const KeyLines& lines, std::string_view key) {
    while (!key.empty()) {
        const auto at = std::ranges::lower_bound(lines, key, {}, &KeyLine::key);
        if (at != lines.end() && at->key == key) {
            return at->line;
        }
        const std::size_t cut = key.find_last_of(".[");
        key = key.substr(0, cut == std::string_view::npos ? 0 : cut);
    }
    return 0;
}

}  // namespace khu
