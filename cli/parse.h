#pragma once

/// \file
/// From what was typed to a command and its arguments. The only file pair that knows CLI11; it
/// costs ten seconds to compile and must stay the only one.

#include <string>
#include <vector>

#include "cli/option.h"

namespace khu::cli {

/// Which help was asked for.
enum class Asked { Run, Help, Version };

struct Typed {
    Asked asked{Asked::Run};
    const Command* command{nullptr};  ///< null: help of all, or of `group`
    std::string group{};              ///< "grant" of `khu grant --help`
    Arguments arguments{};
};

/// Reads the words after the program's name. Options of every command (--endpoint, --format, --utc)
/// may also stand before the command's name.
/// Errors (exit code 2): an unknown command or option with the nearest one, a missing value, too
/// few or too many operands, a value that is not one of an option's choices. An option of a later
/// release is refused with code A137.
Expected<Typed, Failure> parse(const std::vector<std::string>& words, Language language);

}  // namespace khu::cli
