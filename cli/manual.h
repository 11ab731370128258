#pragma once

/// \file
/// The manual page khu(1) as roff, made from the descriptions of the commands; docs/man/khu.1 is
/// this text, and a test holds the two together.

#include <string>

namespace khu::cli {

std::string manual_page();

}  // namespace khu::cli
