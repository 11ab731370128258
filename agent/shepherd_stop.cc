// How a shepherd ends its attempt: announce, ask, wait, end.

#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "agent/cgroup_kill.h"
#include "agent/process.h"
#include "agent/shepherd.h"

namespace khu::agent {
namespace {

constexpr std::int64_t kill_again_ms = 50;  // Between two walks over processes that will not die.

}  // namespace

/// The first stop is what ended the attempt, unless a task had failed, or all had ended, before it.
void Shepherd::remember_stop(const std::string& reason) {
    const bool failed = result_.exit_code != 0 || result_.signal != 0;
    const bool all_ended = !tasks_.empty() && std::ranges::all_of(tasks_, &Task::ended);
    if (result_.stop_reason.empty() && !failed && !all_ended) {
        result_.stop_reason = reason;
    }
}

/// A later stop may shorten the grace of an earlier one, never lengthen it.
void Shepherd::begin_stop(std::int64_t grace_ms, const std::string& reason, int signal) {
    const std::int64_t kill_at = boot_ms() + std::max<std::int64_t>(grace_ms, 0);
    if (stage_ == Stage::Killing) {
        return;
    }
    remember_stop(reason);
    if (!reason.empty() && prepared_.job_dir) {
        write_stop_file(order_, prepared_.job_dir.get(), reason, unix_ms() + grace_ms);
    }
    act_at_ = stage_ == Stage::Stopping ? std::min(act_at_, kill_at) : kill_at;
    stage_ = Stage::Stopping;
    tell_all(signal);
    tell_all(SIGCONT);  // A stopped process would sleep through its grace.
}

void Shepherd::begin_kill(const std::string& reason) {
    remember_stop(reason);
    stage_ = Stage::Killing;
    kill_all();
}

/// The group as a whole where there is one; by descent as well from the second round on, for what
/// was forked before it could join.
void Shepherd::kill_all() {
    const bool by_group = !order_.group_kill.empty() && kill_group(order_.group_kill);
    if (!by_group || kills_ > 0) {
        kill_descendants(::getpid());
    }
    ++kills_;
    act_at_ = boot_ms() + kill_again_ms;
}

void Shepherd::tell_all(int signal) {
    signal_descendants(::getpid(), signal);
}

/// A notice goes to the tasks; behind a batch shell, which would die of it, to what the shell runs.
void Shepherd::notice(int signal) {
    for (const Task& task : tasks_) {
        if (task.ended) {
            continue;
        }
        bool told = false;
        if (order_.notice_children != 0) {
            for (const ProcessStat& child : children_of(task.pid)) {
                const Fd pidfd = open_pidfd(child.pid);
                const std::optional<ProcessStat> stat = read_stat(child.pid);
                const bool still_ours = pidfd && stat && stat->parent == task.pid;
                told = (still_ours && signal_pidfd(pidfd.get(), signal)) || told;
            }
        }
        if (!told) {
            signal_process(task.pid,
                           signal);  // Our own child, not yet reaped: the number is still its.
        }
    }
}

}  // namespace khu::agent
