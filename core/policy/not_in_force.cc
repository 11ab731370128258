#include "core/policy/not_in_force.h"

#include <array>
#include <set>
#include <string_view>

#include "core/policy/diff.h"

namespace khu {
namespace {

/// Key paths without effect in this release; `*` stands for one id.
constexpr auto later = std::to_array<std::string_view>({
    "calendar.reservations.*.cancel_until",
    "calendar.reservations.*.charge",
});

std::string_view head(std::string_view path) {
    return path.substr(0, path.find('.'));
}
std::string_view tail(std::string_view path) {
    const std::size_t dot = path.find('.');
    return dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
}

/// How many bytes of `path` the pattern covers; 0: it does not fit.
std::size_t covered(std::string_view path, std::string_view pattern) {
    std::size_t bytes = 0;
    while (!pattern.empty()) {
        if (path.empty() || (head(pattern) != "*" && head(pattern) != head(path))) {
            return 0;
        }
        bytes += head(path).size() + 1;
        path = tail(path);
        pattern = tail(pattern);
    }
    return bytes - 1;
}

}  // namespace

std::vector<std::string> not_in_force(const std::vector<std::string>& paths) {
    std::vector<std::string> found;
    std::set<std::string> seen;
    for (const std::string& path : paths) {
        for (const std::string_view pattern : later) {
            const std::size_t bytes = covered(path, pattern);
            if (bytes > 0 && seen.insert(path.substr(0, bytes)).second) {
                found.push_back(path.substr(0, bytes));
            }
        }
    }
    return found;
}

std::vector<std::string> not_in_force(const Policy& policy) {
    return not_in_force(key_paths(policy));
}

}  // namespace khu
