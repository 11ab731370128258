#pragma once

/// \file
/// A v1 control group that a shepherd enters before it knows its attempt. Entering a group waits
/// for a grace period of the kernel, 8 to 20 ms on an idle machine; whoever is born in one does not
/// wait. So a shepherd that was forked ahead sits in a group of its own, which becomes the
/// attempt's by being renamed, and its children are born there. Only for the pids tree: the
/// shepherd itself is then counted, which for processes costs one, and v2 knows a better way
/// (start_child).

#include <string>

#include "agent/shepherd_order.h"

namespace khu::agent {

class StandbyGroup {
public:
    /// Makes a group below the directory `parent` and enters it. Empty: there is none.
    explicit StandbyGroup(const std::string& parent);

    /// Becomes the order's `group_standby`, with its limit. If that cannot be, because nothing
    /// stood by or the agent has a new place for its groups, makes one for its processes to enter.
    /// False if there is none or it has no limit: nothing may run.
    [[nodiscard]] bool become(ShepherdOrder& order);
    /// Goes back to the parent and removes the group, unless it has become an attempt's.
    void leave();

private:
    std::string parent_, own_;
};

inline constexpr const char* standby_prefix = "standby.";

}  // namespace khu::agent
