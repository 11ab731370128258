#include "agent/shepherd_identity.h"

#include <grp.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace khu::agent {
namespace {

std::vector<gid_t> groups_of(const ShepherdOrder& order) {
    std::vector<gid_t> groups;
    for (const std::int64_t group : order.groups) {
        groups.push_back(static_cast<gid_t>(group));
    }
    if (groups.empty()) {
        groups.push_back(static_cast<gid_t>(order.gid));
    }
    return groups;
}

/// Root's own jobs and an agent without rights: nobody to become.
bool already_is(const ShepherdOrder& order) {
    return order.uid < 0 || (order.uid == ::geteuid() && order.gid == ::getegid());
}

[[noreturn]] void fail_closed(const char* what) {
    std::perror(what);
    std::abort();
}

}  // namespace

bool may_act_as(const ShepherdOrder& order) {
    return already_is(order) || (::geteuid() == 0 && order.gid >= 0);
}

AsUser::AsUser(const ShepherdOrder& order) {
    if (already_is(order)) {
        return;
    }
    const std::vector<gid_t> groups = groups_of(order);
    if (::setgroups(groups.size(), groups.data()) != 0 ||
        ::setegid(static_cast<gid_t>(order.gid)) != 0 ||
        ::seteuid(static_cast<uid_t>(order.uid)) != 0) {
        fail_closed("khu-shepherd: cannot act as the job's user");
    }
    switched_ = true;
}

AsUser::~AsUser() {
    if (!switched_) {
        return;
    }
    if (::seteuid(0) != 0 || ::setegid(0) != 0 || ::setgroups(0, nullptr) != 0) {
        fail_closed("khu-shepherd: cannot return from the job's user");
    }
}

bool become_user(const ShepherdOrder& order) {
    if (order.uid < 0) {
        return true;
    }
    const auto uid = static_cast<uid_t>(order.uid);
    const auto gid = static_cast<gid_t>(order.gid);
    if (::geteuid() == 0) {
        const std::vector<gid_t> groups = groups_of(order);
        if (::setgroups(groups.size(), groups.data()) != 0 || ::setresgid(gid, gid, gid) != 0 ||
            ::setresuid(uid, uid, uid) != 0) {
            return false;
        }
    }
    uid_t real{}, effective{}, saved{};
    gid_t real_group{}, effective_group{}, saved_group{};
    if (::getresuid(&real, &effective, &saved) != 0 ||
        ::getresgid(&real_group, &effective_group, &saved_group) != 0) {
        return false;
    }
    const bool is_user = real == uid && effective == uid && saved == uid;
    const bool is_group = real_group == gid && effective_group == gid && saved_group == gid;
    return is_user && is_group && (uid == 0 || ::setuid(0) != 0);
}

}  // namespace khu::agent
