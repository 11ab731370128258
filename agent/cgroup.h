#pragma once

/// \file
/// Control groups of attempts: what a job may use is enforced, and all of it can be ended at once.
/// Three back ends, chosen by what this machine offers: v2, v1 (each controller its own tree; the
/// two are used together on a hybrid machine), or none. Groups are made only below the group that
/// the agent itself is in (/proc/self/cgroup): under systemd that is what Delegate=yes gives, and
/// it keeps the accounting of whoever started the agent right. Each attempt gets fresh groups: one
/// that was killed through cgroup.kill kills whatever enters it later (seen on Linux 6.18).
///
/// Source: the kernel's admin-guide/cgroup-v2 and cgroup-v1.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/expected.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/base/units.h"

namespace khu::agent {

/// What an attempt may use on this node; 0 or empty: not limited.
struct GroupLimits {
    std::vector<int> cores;  ///< processing units of this machine
    Bytes memory;
    std::int64_t processes_max{0};
};

/// What the shepherd needs of an attempt's groups.
struct GroupPaths {
    std::vector<std::string> join;  ///< files a process writes "0" to, to enter
    std::string kill;               ///< directory for kill_group; empty: none
    std::string memory;   ///< directory whose counters tell of lacking memory; empty: none
    std::string standby;  ///< directory that the shepherd makes (standby_group.h); empty: none
    std::int64_t processes{0};  ///< its limit
};

/// The world as the tests may replace it.
struct GroupSource {
    std::string self_cgroup{"/proc/self/cgroup"};
    std::string mountinfo{"/proc/self/mountinfo"};
};

class ControlGroups {
public:
    /// Finds what is usable. `name` is of this agent ("khu-gn01"): the group below the agent's own
    /// in which all attempts' groups are made. Never fails: with nothing usable the back end is
    /// "none".
    static ControlGroups detect(const std::string& name, const GroupSource& source);
    static ControlGroups none() { return {}; }

    /// "v2", "v1+v2", "v1" or "none", and what is enforced: "v1+v2: cpuset memory pids kill".
    [[nodiscard]] std::string describe() const;
    [[nodiscard]] bool limits_cores() const;
    [[nodiscard]] bool limits_memory() const;
    [[nodiscard]] bool limits_processes() const;

    /// Makes the groups of one attempt. A limit that no controller can hold is left out: ask
    /// limits_*(). Errors: LaunchFailed when a usable controller refuses; nothing is left behind.
    Expected<GroupPaths, Refusal> make(AttemptKey key, const GroupLimits& limits) const;

    /// Removes them; false if something still lives in one (try again later).
    bool remove(AttemptKey key) const;

    /// Removes this agent's own groups if no attempt is in them: when the agent ends for good.
    void leave() const;

    /// Below which shepherds may wait in a group of their own (standby_group.h); empty: nowhere.
    [[nodiscard]] std::string standby_parent() const;

    /// Attempts that have groups here, after a restart of the agent.
    [[nodiscard]] std::vector<AttemptKey> list() const;

private:
    std::string unified_;                    ///< v2: our group; empty: none
    bool unified_kills_{false};              ///< cgroup.kill exists
    std::map<std::string, std::string> v1_;  ///< controller -> our group in its tree
    std::vector<std::string> v2_controllers_;

    [[nodiscard]] bool has(const std::string& controller) const;
    [[nodiscard]] std::vector<std::string> roots() const;
};

}  // namespace khu::agent
