#pragma once

/// \file
/// A trace in the Standard Workload Format of the Parallel Workloads Archive (D. Feitelson, version
/// 2.2): lines of 18 numbers, -1 where unknown, comments after `;`. A job's width is what it asked
/// for, or what it got where that is not said; what ran for an unknown time, or was cancelled
/// before it started, never ran. Group, else user, stands for the tenant.

#include <string>
#include <string_view>
#include <vector>

#include "cli/plan/trace_file.h"

namespace khu::cli {

/// What is wrong is added to `complaints`.
Trace read_swf(std::string_view text, const std::string& file, std::vector<Complaint>& complaints);

}  // namespace khu::cli
