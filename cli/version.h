#pragma once

/// \file
/// The version of this program, from the project's one place (CMakeLists.txt).

#include <string_view>

namespace khu::cli {

#ifndef KHU_VERSION
#error "cli/CMakeLists.txt defines KHU_VERSION"
#endif
inline constexpr std::string_view kKhuVersion = KHU_VERSION;

}  // namespace khu::cli
