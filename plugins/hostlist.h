#pragma once

/// \file
/// Node names as people and Slurm's programs write them: "gn[01-04,07],login" for gn01, gn02, gn03,
/// gn04, gn07, login. The order is kept; only neighbours are joined.

#include <string>
#include <vector>

namespace khu::plugins {

std::string compress_hostlist(const std::vector<std::string>& names);

/// "0-3,8" for {0, 1, 2, 3, 8}: the list format of cpusets.
std::string format_ranges(const std::vector<int>& numbers);

}  // namespace khu::plugins
