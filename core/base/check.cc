#include "core/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace khu {

void check_failed(std::string_view claim, std::string_view file, int line,
                  const std::string& numbers) {
    const std::string text =
        fmt::format("khu: claim broken: {} at {}:{} {}\n", claim, file, line, numbers);
    std::fputs(text.c_str(), stderr);
    std::abort();
}

}  // namespace khu
