#include "agent/standby_group.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "agent/cgroup_kill.h"
#include "agent/fd.h"
#include "agent/shepherd_records.h"

namespace khu::agent {
namespace {

constexpr const char* tasks = "/tasks";
constexpr const char* limit = "/pids.max";

bool put(const std::string& path, const std::string& text) {
    const Fd file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    return file &&
           ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// The limit for the attempt's processes and the shepherd; as it stands if it is no number.
std::string with_shepherd(std::string most) {
    most.erase(std::find(most.begin(), most.end(), '\n'), most.end());
    const std::optional<std::int64_t> number = parse_number(most);
    return number ? std::to_string(*number + 1) : most;
}

}  // namespace

StandbyGroup::StandbyGroup(const std::string& parent) : parent_(parent) {
    if (parent_.empty()) {
        return;
    }
    own_ = parent_ + "/" + standby_prefix + std::to_string(::getpid());
    const bool made = ::mkdir(own_.c_str(), 0755) == 0 || errno == EEXIST;
    if (!made || !put(own_ + tasks, "0")) {
        leave();
    }
}

void StandbyGroup::become(ShepherdOrder& order) {
    const auto join = std::ranges::find_if(order.group_join, [&](const std::string& path) {
        return path.starts_with(parent_ + "/") && path.ends_with(tasks);
    });
    if (own_.empty() || join == order.group_join.end()) {
        leave();
        return;
    }
    const std::string group = join->substr(0, join->rfind('/'));
    const std::string most = read_small_file(group + limit);
    if (::rmdir(group.c_str()) != 0) {
        leave();
        return;
    }
    if (::rename(own_.c_str(), group.c_str()) != 0) {
        ::mkdir(group.c_str(), 0755);
        put(group + limit, most);
        leave();
        return;
    }
    own_.clear();
    put(group + limit, with_shepherd(most));
    order.group_join.erase(join);
}

void StandbyGroup::leave() {
    if (!own_.empty()) {
        put(parent_ + tasks, "0");
        ::rmdir(own_.c_str());
    }
    own_.clear();
}

}  // namespace khu::agent
