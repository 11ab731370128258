#pragma once

/// \file
/// Inside the script header: words of a line, quoted as in a shell.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace khu::config {

struct ShellWord {
    std::string text;
    std::size_t offset{0};  ///< byte of the line where it begins
    bool operator==(const ShellWord&) const = default;
};

/// Splits at blanks; '...' keeps everything, "..." keeps all but \" and \\, a backslash keeps the
/// next character, # at the begin of a word ends the line. None if a quote is left open.
std::optional<std::vector<ShellWord>> shell_words(std::string_view line);

}  // namespace khu::config
