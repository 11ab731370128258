#pragma once

/// \file
/// What agent and shepherd do with an attempt's control group: make it, end it, and ask whether
/// memory ran out. Which groups there are is the agent's work (cgroup.h). Standard library only.

#include <string>

namespace khu::agent {

/// Ends every process of the group `dir`: by cgroup.kill (v2) or by freezing it, killing each and
/// thawing (v1). False if neither is possible. A group that was killed must not be used again.
bool kill_group(const std::string& dir);

/// Makes the group `dir`, anew if one of that name was left of an earlier zone on this node: after
/// a group was killed as a whole the kernel also kills whoever is born in it later. False if
/// processes are still in it.
bool make_fresh_dir(const std::string& dir);

/// True if the kernel killed a process of the group `dir` for want of memory. Empty: false.
bool group_ran_out_of_memory(const std::string& dir);

/// The whole small file, or nothing.
std::string read_small_file(const std::string& path);
bool write_small_file(const std::string& path, const std::string& text);

}  // namespace khu::agent
