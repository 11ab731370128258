#pragma once

/// \file
/// Processes as the kernel shows them: who descends from whom, and how to end all of them.
///
/// A process is named by its number only for a moment; it is signalled through a pidfd whose
/// parentage was checked after it was opened, so that a reused number never hits a stranger. A
/// subreaper sees every process of its attempt as a descendant, also those that forked twice or
/// called setsid. Source: prctl(2) PR_SET_CHILD_SUBREAPER, pidfd_open(2), proc(5).

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/fd.h"

namespace khu::agent {

struct ProcessStat {
    pid_t pid{0}, parent{0};
    char state{'?'};  ///< 'Z': dead, waiting to be reaped
};

/// None if there is no such process.
std::optional<ProcessStat> read_stat(pid_t pid);

/// All living descendants of `root` (zombies excluded), without `root`, in no order.
std::vector<ProcessStat> descendants_of(pid_t root);

/// Living processes whose parent is `parent`.
std::vector<ProcessStat> children_of(pid_t parent);

/// kill(2) of one process: the numbers 0 and below, which mean a group or everybody, are refused.
bool signal_process(pid_t pid, int signal);

Fd open_pidfd(pid_t pid);
bool signal_pidfd(int pidfd, int signal);

/// Sends `signal` to every living descendant of `root`; how many got it.
int signal_descendants(pid_t root, int signal);

/// One pass of ending all descendants of `root`, which must be a subreaper or their ancestor: stops
/// them first until no new one appears, so that a fork bomb cannot outrun the walk, then kills.
/// How many were seen; the caller reaps and repeats until it has no children left.
int kill_descendants(pid_t root);

/// CLOCK_BOOTTIME in ms: goes on in sleep and never jumps.
std::int64_t boot_ms();
/// The wall clock in ms since 1970.
std::int64_t unix_ms();

}  // namespace khu::agent
