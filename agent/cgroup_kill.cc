#include "agent/cgroup_kill.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "agent/fd.h"
#include "agent/process.h"

namespace khu::agent {
namespace {

constexpr int kill_rounds_max = 20;  // While frozen nothing forks: one round is the rule.

/// The number after `key ` at the start of a line; 0 if there is none.
long long field(std::string_view text, std::string_view key) {
    const std::size_t at = text.find(std::string(key) + " ");
    const bool at_line_start = at == 0 || (at != std::string_view::npos && text[at - 1] == '\n');
    return at_line_start ? std::atoll(text.data() + at + key.size() + 1) : 0;
}

int kill_members(const std::string& dir) {
    const std::string members = read_small_file(dir + "/cgroup.procs");
    int count = 0;
    for (std::size_t at = 0; at < members.size();) {
        const std::size_t end = std::min(members.find('\n', at), members.size());
        const int pid = std::atoi(members.substr(at, end - at).c_str());
        // Frozen members cannot end, so the number is still theirs.
        count += signal_process(pid, SIGKILL) ? 1 : 0;
        at = end + 1;
    }
    return count;
}

}  // namespace

std::string read_small_file(const std::string& path) {
    const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    std::string text;
    char part[4096];
    for (ssize_t size = 1; file && size > 0;) {
        size = ::read(file.get(), part, sizeof part);
        text.append(part, size > 0 ? static_cast<std::size_t>(size) : 0);
    }
    return text;
}

bool write_small_file(const std::string& path, const std::string& text) {
    const Fd file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    return file &&
           ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool kill_group(const std::string& dir) {
    if (write_small_file(dir + "/cgroup.kill", "1")) {
        return true;
    }
    const std::string state = dir + "/freezer.state";
    for (int round = 0; round < kill_rounds_max; ++round) {
        if (!write_small_file(state, "FROZEN")) {
            return false;
        }
        const int killed = kill_members(dir);
        write_small_file(state, "THAWED");  // KILL takes effect only now.
        if (killed == 0) {
            break;
        }
    }
    return true;
}

bool make_fresh_dir(const std::string& dir) {
    if (::mkdir(dir.c_str(), 0755) == 0) {
        return true;
    }
    return errno == EEXIST && ::rmdir(dir.c_str()) == 0 && ::mkdir(dir.c_str(), 0755) == 0;
}

bool group_ran_out_of_memory(const std::string& dir) {
    if (dir.empty()) {
        return false;
    }
    return field(read_small_file(dir + "/memory.events"), "oom_kill") > 0 ||
           field(read_small_file(dir + "/memory.oom_control"), "oom_kill") > 0;
}

}  // namespace khu::agent
