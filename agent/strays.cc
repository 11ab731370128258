#include "agent/strays.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>

#include <cstdlib>
#include <vector>

#include "agent/cgroup_kill.h"
#include "agent/fd.h"
#include "agent/process.h"

namespace khu::agent {
namespace {

constexpr int passes_max = 20;
constexpr int wait_ms = 50;

/// The environment as one text "\0NAME=value\0...\0".
bool has_variable(pid_t pid, const std::string& variable) {
    const std::string border(1, '\0');
    const std::string environment =
        border + read_small_file("/proc/" + std::to_string(pid) + "/environ");
    return environment.find(border + variable + border) != std::string::npos;
}

std::vector<Fd> find_strays(const std::string& variable) {
    std::vector<Fd> strays;
    DIR* proc = ::opendir("/proc");
    if (proc == nullptr) {
        return strays;
    }
    while (const dirent* entry = ::readdir(proc)) {
        const pid_t pid = std::atoi(entry->d_name);
        // The pidfd first: if the number is used again before the look, the look is at another.
        Fd pidfd = pid > 1 ? open_pidfd(pid) : Fd{};
        if (pidfd && has_variable(pid, variable)) {
            strays.push_back(std::move(pidfd));
        }
    }
    ::closedir(proc);
    return strays;
}

}  // namespace

int end_strays(const std::string& variable, const std::string& group) {
    if (!group.empty()) {
        kill_group(group);
    }
    int found = 0;
    for (int pass = 0; pass < passes_max; ++pass) {
        const std::vector<Fd> strays = find_strays(variable);
        if (strays.empty()) {
            break;
        }
        found += pass == 0 ? static_cast<int>(strays.size()) : 0;
        for (const Fd& stray : strays) {
            signal_pidfd(stray.get(), SIGKILL);
        }
        pollfd first{.fd = strays.front().get(), .events = POLLIN, .revents = 0};
        ::poll(&first, 1, wait_ms);
    }
    return found;
}

}  // namespace khu::agent
