#include "agent/standby_group.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "agent/cgroup_kill.h"
#include "agent/fd.h"

namespace khu::agent {
namespace {

constexpr const char* tasks = "/tasks";
constexpr const char* limit = "/pids.max";

bool put(const std::string& path, const std::string& text) {
    const Fd file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    return file &&
           ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool moved(const std::string& from, const std::string& to) {
    return ::rename(from.c_str(), to.c_str()) == 0;
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

bool StandbyGroup::become(ShepherdOrder& order) {
    const std::string& group = order.group_standby;
    if (group.empty()) {
        leave();
        return true;
    }
    // One of that name, left of an earlier zone on this node, would stand in the way.
    if (!own_.empty() &&
        (moved(own_, group) || (::rmdir(group.c_str()) == 0 && moved(own_, group)))) {
        own_.clear();
        return put(group + limit, std::to_string(order.group_processes + 1));  // We count too.
    }
    leave();
    order.group_join.push_back(group + tasks);
    return make_fresh_dir(group) && put(group + limit, std::to_string(order.group_processes));
}

void StandbyGroup::leave() {
    if (!own_.empty()) {
        put(parent_ + tasks, "0");
        ::rmdir(own_.c_str());
    }
    own_.clear();
}

}  // namespace khu::agent
