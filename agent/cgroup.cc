#include "agent/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <sstream>

#include "agent/cgroup_kill.h"
#include "agent/fd.h"
#include "agent/spool.h"
#include "agent/standby_group.h"
#include "plugins/hostlist.h"

namespace khu::agent {
namespace {

constexpr const char* used_v1[] = {"cpuset", "memory", "pids", "freezer"};
constexpr const char* used_v2[] = {"cpuset", "memory", "pids"};

/// One hierarchy: where it is mounted, and which part of it the mount shows.
struct Mount {
    std::string point, root;
};

struct Mounts {
    Mount unified;
    std::map<std::string, Mount> v1;
};

std::vector<std::string> words(const std::string& line, char separator) {
    std::vector<std::string> list;
    std::istringstream stream(line);
    for (std::string word; std::getline(stream, word, separator);) {
        list.push_back(word);
    }
    return list;
}

/// "36 25 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory", see proc(5).
Mounts read_mounts(const std::string& mountinfo) {
    Mounts mounts;
    for (const std::string& line : words(mountinfo, '\n')) {
        const std::vector<std::string> fields = words(line, ' ');
        const auto dash = std::find(fields.begin(), fields.end(), "-");
        if (fields.size() < 5 || fields.end() - dash < 4) {
            continue;
        }
        const Mount mount{.point = fields[4], .root = fields[3]};
        if (dash[1] == "cgroup2") {
            mounts.unified = mount;
        } else if (dash[1] == "cgroup") {
            for (const std::string& option : words(dash[3], ',')) {
                mounts.v1[option] = mount;
            }
        }
    }
    return mounts;
}

/// The directory of the group `path` as this mount shows it; empty if it lies outside.
std::string directory_of(const Mount& mount, const std::string& path) {
    if (mount.point.empty()) {
        return {};
    }
    if (mount.root == "/") {
        return path == "/" ? mount.point : mount.point + path;
    }
    return path.starts_with(mount.root) ? mount.point + path.substr(mount.root.size())
                                        : std::string();
}

/// Writes a control file. On a real hierarchy it is always there already.
bool set(const std::string& path, const std::string& text) {
    const Fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    return file &&
           ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool make_dir(const std::string& path) {
    return ::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST;
}

std::string trimmed(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
        text.pop_back();
    }
    return text;
}

/// A v1 cpuset is unusable until it has cores and memory nodes: begins with those of its parent.
bool inherit_cpuset(const std::string& dir, const std::string& parent) {
    for (const char* file : {"/cpuset.mems", "/cpuset.cpus"}) {
        const std::string value = trimmed(read_small_file(parent + file));
        if (!value.empty() && !set(dir + file, value)) {
            return false;
        }
    }
    return true;
}

/// Asks for the controllers below `own`. A group with processes may not hand them out (v2's "no
/// internal processes" rule), so the agent then moves itself into a leaf.
std::vector<std::string> delegate(const std::string& own, const std::string& ours) {
    std::vector<std::string> gained;
    const std::vector<std::string> there =
        words(trimmed(read_small_file(own + "/cgroup.controllers")), ' ');
    for (const char* controller : used_v2) {
        if (std::find(there.begin(), there.end(), controller) == there.end()) {
            continue;
        }
        const std::string plus = std::string("+") + controller;
        bool granted = set(own + "/cgroup.subtree_control", plus);
        if (!granted && errno == EBUSY && make_dir(own + "/khu-agent") &&
            set(own + "/khu-agent/cgroup.procs", "0")) {
            granted = set(own + "/cgroup.subtree_control", plus);
        }
        if (granted && set(ours + "/cgroup.subtree_control", plus)) {
            gained.emplace_back(controller);
        }
    }
    return gained;
}

Unexpected<Refusal> refuse(const std::string& path) {
    return Unexpected{
        Refusal(Code::LaunchFailed)
            .with("node", "")
            .with("why", fmt::format("control group {}: {}", path, std::strerror(errno)))};
}

bool apply(const std::string& dir, const std::string& controller, const GroupLimits& limits,
           bool is_v2) {
    if (controller == "cpuset") {
        return set(dir + "/cpuset.cpus", plugins::format_ranges(limits.cores));
    }
    if (controller == "memory") {
        const std::string bytes = std::to_string(limits.memory.value);
        // Swap would let a job run on far beyond its share, slowly; where there is no swap
        // accounting the file is missing.
        if (is_v2) {
            return set(dir + "/memory.max", bytes) && (set(dir + "/memory.swap.max", "0") || true);
        }
        return set(dir + "/memory.limit_in_bytes", bytes) &&
               (set(dir + "/memory.swappiness", "0") || true);
    }
    if (controller == "pids") {
        return set(dir + "/pids.max", std::to_string(limits.processes_max));
    }
    return true;
}

bool wanted(const std::string& controller, const GroupLimits& limits) {
    if (controller == "cpuset") {
        return !limits.cores.empty();
    }
    if (controller == "memory") {
        return limits.memory > Bytes{0};
    }
    return controller == "pids" && limits.processes_max > 0;
}

/// What shepherds that were killed while they waited have left.
void remove_standby(const std::string& ours) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(ours, ignored)) {
        if (entry.path().filename().string().starts_with(standby_prefix)) {
            ::rmdir(entry.path().c_str());
        }
    }
}

bool remove_group(const std::string& dir) {
    return ::rmdir(dir.c_str()) == 0 || errno == ENOENT;
}

}  // namespace

ControlGroups ControlGroups::detect(const std::string& name, const GroupSource& source) {
    ControlGroups groups;
    const Mounts mounts = read_mounts(read_small_file(source.mountinfo));
    for (const std::string& line : words(read_small_file(source.self_cgroup), '\n')) {
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) {
            continue;
        }
        const std::string path = line.substr(second + 1);
        if (second == first + 1) {
            const std::string own = directory_of(mounts.unified, path);
            const std::string ours = own + "/" + name;
            if (!own.empty() && make_dir(ours)) {
                groups.unified_ = ours;
                groups.v2_controllers_ = delegate(own, ours);
                groups.unified_kills_ = ::access((ours + "/cgroup.kill").c_str(), W_OK) == 0;
            }
            continue;
        }
        for (const std::string& controller :
             words(line.substr(first + 1, second - first - 1), ',')) {
            const bool is_used =
                std::find(std::begin(used_v1), std::end(used_v1), controller) != std::end(used_v1);
            const auto mount = mounts.v1.find(controller);
            if (!is_used || mount == mounts.v1.end()) {
                continue;
            }
            const std::string own = directory_of(mount->second, path);
            const std::string ours = own + "/" + name;
            if (!own.empty() && make_dir(ours) &&
                (controller != "cpuset" || inherit_cpuset(ours, own))) {
                remove_standby(ours);
                groups.v1_[controller] = ours;
            }
        }
    }
    return groups;
}

bool ControlGroups::has(const std::string& controller) const {
    return v1_.contains(controller) || std::find(v2_controllers_.begin(), v2_controllers_.end(),
                                                 controller) != v2_controllers_.end();
}

bool ControlGroups::limits_cores() const {
    return has("cpuset");
}
bool ControlGroups::limits_memory() const {
    return has("memory");
}
bool ControlGroups::limits_processes() const {
    return has("pids");
}

std::string ControlGroups::describe() const {
    if (unified_.empty() && v1_.empty()) {
        return "none";
    }
    std::string text = unified_.empty() ? "v1" : v1_.empty() ? "v2" : "v1+v2";
    text += ":";
    for (const char* controller : used_v2) {
        text += has(controller) ? fmt::format(" {}", controller) : "";
    }
    return text + (unified_kills_ || v1_.contains("freezer") ? " kill" : "");
}

Expected<GroupPaths, Refusal> ControlGroups::make(AttemptKey key, const GroupLimits& limits) const {
    GroupPaths paths;
    const std::string name = name_of(key);
    const auto fail = [&](const std::string& dir) {
        auto refusal = refuse(dir);
        remove(key);
        return refusal;
    };
    if (!unified_.empty()) {
        const std::string dir = unified_ + "/" + name;
        if (!make_fresh_dir(dir)) {
            return fail(dir);
        }
        for (const std::string& controller : v2_controllers_) {
            if (wanted(controller, limits) && !apply(dir, controller, limits, true)) {
                return fail(dir + " " + controller);
            }
        }
        paths.join.push_back(dir + "/cgroup.procs");
        paths.kill = unified_kills_ ? dir : "";
        paths.memory = has("memory") && !v1_.contains("memory") ? dir : "";
    }
    for (const auto& [controller, ours] : v1_) {
        const bool to_kill = controller == "freezer" && paths.kill.empty();
        if (!to_kill && !wanted(controller, limits)) {
            continue;
        }
        const std::string dir = ours + "/" + name;
        if (controller == "pids") {
            paths.standby = dir;
            paths.processes = limits.processes_max;
            continue;
        }
        if (!make_fresh_dir(dir) || (controller == "cpuset" && !inherit_cpuset(dir, ours)) ||
            (wanted(controller, limits) && !apply(dir, controller, limits, false))) {
            return fail(dir);
        }
        paths.join.push_back(dir + "/tasks");
        paths.kill = to_kill ? dir : paths.kill;
        paths.memory = controller == "memory" ? dir : paths.memory;
    }
    return paths;
}

std::vector<std::string> ControlGroups::roots() const {
    std::vector<std::string> all;
    if (!unified_.empty()) {
        all.push_back(unified_);
    }
    for (const auto& [controller, ours] : v1_) {
        all.push_back(ours);
    }
    return all;
}

bool ControlGroups::remove(AttemptKey key) const {
    bool all = true;
    for (const std::string& root : roots()) {
        all = remove_group(root + "/" + name_of(key)) && all;
    }
    return all;
}

void ControlGroups::leave() const {
    for (const std::string& root : roots()) {
        remove_group(root);
    }
}

std::string ControlGroups::standby_parent() const {
    const auto pids = v1_.find("pids");
    return pids == v1_.end() ? std::string() : pids->second;
}

std::vector<AttemptKey> ControlGroups::list() const {
    std::set<AttemptKey> keys;
    for (const std::string& root : roots()) {
        DIR* entries = ::opendir(root.c_str());
        while (const dirent* entry = entries != nullptr ? ::readdir(entries) : nullptr) {
            if (const auto key = key_of(entry->d_name)) {
                keys.insert(*key);
            }
        }
        if (entries != nullptr) {
            ::closedir(entries);
        }
    }
    return {keys.begin(), keys.end()};
}

}  // namespace khu::agent
