#include "agent/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>

namespace khu::agent {
namespace {

constexpr int stop_passes_max = 50;  // Then kill what was seen; the caller comes back anyway.

std::int64_t clock_ms(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

std::vector<ProcessStat> all_processes() {
    std::vector<ProcessStat> all;
    DIR* proc = ::opendir("/proc");
    if (proc == nullptr) {
        return all;
    }
    while (const dirent* entry = ::readdir(proc)) {
        const pid_t pid = std::atoi(entry->d_name);
        if (pid <= 0) {
            continue;
        }
        if (const std::optional<ProcessStat> stat = read_stat(pid)) {
            all.push_back(*stat);
        }
    }
    ::closedir(proc);
    return all;
}

/// A pidfd of `pid` if its parent is one of `family`, checked after opening.
Fd open_member(pid_t pid, const std::set<pid_t>& family) {
    Fd pidfd = open_pidfd(pid);
    const std::optional<ProcessStat> stat = pidfd ? read_stat(pid) : std::nullopt;
    if (!stat || !family.contains(stat->parent)) {
        return {};
    }
    return pidfd;
}

std::set<pid_t> family_of(pid_t root, const std::vector<ProcessStat>& members) {
    std::set<pid_t> family{root};
    for (const ProcessStat& member : members) {
        family.insert(member.pid);
    }
    return family;
}

int signal_members(pid_t root, const std::vector<ProcessStat>& members, int signal) {
    const std::set<pid_t> family = family_of(root, members);
    int reached = 0;
    for (const ProcessStat& member : members) {
        const Fd pidfd = open_member(member.pid, family);
        reached += pidfd && signal_pidfd(pidfd.get(), signal) ? 1 : 0;
    }
    return reached;
}

}  // namespace

std::int64_t boot_ms() {
    return clock_ms(CLOCK_BOOTTIME);
}

std::int64_t unix_ms() {
    return clock_ms(CLOCK_REALTIME);
}

std::optional<ProcessStat> read_stat(pid_t pid) {
    char path[32];
    std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
    const Fd file{::open(path, O_RDONLY | O_CLOEXEC)};
    char text[512];
    const ssize_t size = file ? ::read(file.get(), text, sizeof text - 1) : -1;
    if (size <= 0) {
        return std::nullopt;
    }
    text[size] = '\0';
    // "PID (NAME) STATE PARENT": the name may hold blanks and parentheses, so look from its end.
    const char* name_end = std::strrchr(text, ')');
    ProcessStat stat{.pid = pid};
    if (name_end == nullptr ||
        std::sscanf(name_end + 1, " %c %d", &stat.state, &stat.parent) != 2) {
        return std::nullopt;
    }
    return stat;
}

std::vector<ProcessStat> descendants_of(pid_t root) {
    std::vector<ProcessStat> rest = all_processes();
    std::set<pid_t> family{root};
    std::vector<ProcessStat> found;
    for (bool grew = true; grew;) {
        const auto strangers = std::stable_partition(
            rest.begin(), rest.end(),
            [&](const ProcessStat& process) { return family.contains(process.parent); });
        grew = strangers != rest.begin();
        for (auto it = rest.begin(); it != strangers; ++it) {
            family.insert(it->pid);
            found.push_back(*it);
        }
        rest.erase(rest.begin(), strangers);
    }
    std::erase_if(found, [](const ProcessStat& process) { return process.state == 'Z'; });
    return found;
}

std::vector<ProcessStat> children_of(pid_t parent) {
    std::vector<ProcessStat> children = all_processes();
    std::erase_if(children, [&](const ProcessStat& process) {
        return process.parent != parent || process.state == 'Z';
    });
    return children;
}

bool signal_process(pid_t pid, int signal) {
    return pid > 0 && ::kill(pid, signal) == 0;
}

Fd open_pidfd(pid_t pid) {
    return Fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
}

bool signal_pidfd(int pidfd, int signal) {
    return ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0;
}

int signal_descendants(pid_t root, int signal) {
    return signal_members(root, descendants_of(root), signal);
}

int kill_descendants(pid_t root) {
    std::set<pid_t> stopped;
    std::vector<ProcessStat> members;
    for (int pass = 0; pass < stop_passes_max; ++pass) {
        members = descendants_of(root);
        std::vector<ProcessStat> fresh = members;
        std::erase_if(fresh, [&](const ProcessStat& one) { return stopped.contains(one.pid); });
        if (fresh.empty()) {
            break;
        }
        const std::set<pid_t> family = family_of(root, members);
        for (const ProcessStat& member : fresh) {
            const Fd pidfd = open_member(member.pid, family);
            if (pidfd) {
                signal_pidfd(pidfd.get(), SIGSTOP);
            }
            stopped.insert(member.pid);
        }
    }
    signal_members(root, members, SIGKILL);
    return static_cast<int>(members.size());
}

}  // namespace khu::agent
