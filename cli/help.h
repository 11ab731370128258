#pragma once

/// \file
/// The help texts, made from the descriptions of the commands.

#include <string>
#include <string_view>

#include "cli/option.h"

namespace khu::cli {

/// All commands, or those of one group ("grant"); one line each.
std::string help_of_all(std::string_view group, Language language);
std::string help_of(const Command& command, Language language);

}  // namespace khu::cli
