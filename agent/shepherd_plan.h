#pragma once

/// \file
/// From a launcher's plan to a shepherd's order: adds who runs it, where its output goes and which
/// control groups hold it. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "agent/cgroup.h"
#include "agent/shepherd_order.h"
#include "core/base/ids.h"
#include "core/jobs/spec.h"
#include "plugins/launcher.h"

namespace khu::agent {

struct OrderFacts {
    AttemptKey key;
    std::string node;
    std::int64_t array_index{-1};
    std::int64_t uid{-1}, gid{-1};  ///< -1: the agent's own
    std::vector<std::int64_t> groups;
    std::string chdir, output, error;  ///< as in Payload
    bool first_node{true};  ///< of the first attempt: empties the output file, the others append
    bool hold{false};       ///< wait for run()
    khu::Launcher launcher{khu::Launcher::Script};
    bool accepts_steps{false};
    std::vector<std::string> private_dirs;
    GroupPaths group;
    std::int64_t processes_max{0};  ///< where no control group counts them; 0: unlimited
};

ShepherdOrder make_order(const plugins::LaunchPlan& plan, const OrderFacts& facts);

/// The attempt's processes and their shepherd will be in these groups.
void put_in_groups(ShepherdOrder& order, const GroupPaths& group);

}  // namespace khu::agent
