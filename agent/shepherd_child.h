#pragma once

/// \file
/// From fork to exec: the few steps in which a copy of the shepherd turns into a process of the
/// job, in the only order that is safe: control group, cores, limits (needs rights), then identity,
/// then directory and command (with the user's rights).

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "agent/shepherd_order.h"

namespace khu::agent {

struct ChildSetup {
    const std::vector<std::string>* argv{};
    const std::vector<std::string>* extra_env{};  ///< on top of the order's; may be null
    const std::vector<int>* cores{};              ///< may be null: not bound
    int work_dir{-1};                             ///< open; entered with the user's rights
    int standard_in{-1}, standard_out{-1}, standard_error{-1};
    int report{-1};  ///< close-on-exec pipe; gets a ChildReport if the command could not begin
};

enum class ChildStep : std::int32_t { Group, Identity, Directory, Descriptors, Command };

struct ChildReport {
    ChildStep step{};
    std::int32_t error{0};  ///< errno
};

/// Forks and starts `setup`; the process number, or -1 with errno.
pid_t start_child(const ShepherdOrder& order, const ChildSetup& setup);

}  // namespace khu::agent
