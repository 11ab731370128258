#pragma once

/// \file
/// What the shepherd does with the attempt's control group: end it, and ask whether memory ran out.
/// Making groups is the agent's work (cgroup.h). Standard library only.

#include <string>

namespace khu::agent {

/// Ends every process of the group `dir`: by cgroup.kill (v2) or by freezing it, killing each and
/// thawing (v1). False if neither is possible. A group that was killed must not be used again.
bool kill_group(const std::string& dir);

/// True if the kernel killed a process of the group `dir` for want of memory. Empty: false.
bool group_ran_out_of_memory(const std::string& dir);

/// The whole small file, or nothing.
std::string read_small_file(const std::string& path);
bool write_small_file(const std::string& path, const std::string& text);

}  // namespace khu::agent
