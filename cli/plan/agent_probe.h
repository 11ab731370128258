#pragma once

/// \file
/// Asks khu-agent what a topology file says, because only the agent knows hwloc: the khu-agent
/// that stands beside this program, or else the one in PATH.

#include <string>

#include "core/base/expected.h"

namespace khu::cli {

/// What `khu-agent probe --topology path --format json` prints. Errors: a sentence, the agent's own
/// if it ran and refused; empty if there is no agent.
Expected<std::string, std::string> probe_by_agent(const std::string& path);

}  // namespace khu::cli
