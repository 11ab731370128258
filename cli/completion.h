#pragma once

/// \file
/// What shells need to complete `khu`, made from the descriptions of the commands, so that a new
/// option completes by itself. Options of later releases are left out.

#include <string>

#include "cli/messages.h"

namespace khu::cli {

/// For bash 4 and newer: source it, or put it into bash-completion's folder as `khu`.
std::string bash_completion();
/// For zsh: a file `_khu` in the fpath.
std::string zsh_completion(Language language);
/// For fish: ~/.config/fish/completions/khu.fish.
std::string fish_completion(Language language);

}  // namespace khu::cli
