#pragma once

/// \file
/// Claims: what only a bug in Khu can break. A broken claim prints the numbers and aborts, in every
/// build, because a scheduler that goes on with wrong books is worse than one that stops: the facts
/// are stored, and a restart replays them.

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace khu {

/// Prints `claim`, its place and `numbers` to standard error, then aborts.
[[noreturn]] void check_failed(std::string_view claim, std::string_view file, int line,
                               const std::string& numbers);

inline std::string check_numbers() {
    return {};
}
template <class... Args>
std::string check_numbers(fmt::format_string<Args...> text, Args&&... args) {
    return fmt::format(text, std::forward<Args>(args)...);
}

}  // namespace khu

/// KHU_CHECK(claim) or KHU_CHECK(claim, "held {} of {}", held, granted).
#define KHU_CHECK(claim, ...)                                                                   \
    do {                                                                                        \
        if (!(claim)) [[unlikely]] {                                                            \
            ::khu::check_failed(#claim, __FILE__, __LINE__, ::khu::check_numbers(__VA_ARGS__)); \
        }                                                                                       \
    } while (false)
