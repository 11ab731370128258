#include "agent/shepherd_prepare.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agent/output.h"
#include "agent/shepherd_identity.h"

namespace khu::agent {
namespace {

constexpr int tree_depth_max = 200;  // Descriptors held while walking; deeper trees are left.

StartFault fault(const char* name, std::string path, int error) {
    return {.name = name, .path = std::move(path), .why = std::strerror(error)};
}

bool is_plain_name(const std::string& name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

bool write_file(int dir, const OrderFile& file) {
    if (!is_plain_name(file.path)) {
        errno = EINVAL;
        return false;
    }
    const Fd fd{::openat(dir, file.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                         static_cast<mode_t>(file.mode))};
    return fd && write_all(fd.get(), file.content);
}

Fd open_job_dir(int spool_dir) {
    return Fd{
        ::openat(spool_dir, spool_names::job_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
}

/// What a spare directory brought. Only its own user may have it again: descriptors and access
/// lists of another would come with it.
Fd job_dir_from_before(const ShepherdOrder& order, int spool_dir) {
    Fd before = open_job_dir(spool_dir);
    struct stat status{};
    const uid_t user = order.uid < 0 ? ::geteuid() : static_cast<uid_t>(order.uid);
    const bool own = before && ::fstat(before.get(), &status) == 0 && status.st_uid == user;
    if (own && ::fchmod(before.get(), 0700) == 0) {
        return before;
    }
    remove_tree(spool_dir, spool_names::job_dir);
    return {};
}

/// Made by the agent's identity and given to the user: only the agent may create in `spool_dir`.
StartFault make_job_dir(const ShepherdOrder& order, int spool_dir, Fd& into) {
    into = job_dir_from_before(order, spool_dir);
    if (!into && ::mkdirat(spool_dir, spool_names::job_dir, 0700) == 0) {
        into = open_job_dir(spool_dir);
    }
    const bool given = into && (order.uid < 0 || ::geteuid() != 0 ||
                                ::fchown(into.get(), static_cast<uid_t>(order.uid),
                                         static_cast<gid_t>(order.gid)) == 0);
    return given ? StartFault{} : fault("launch_failed", spool_names::job_dir, errno);
}

StartFault write_files(const ShepherdOrder& order, int job_dir) {
    for (const OrderFile& file : order.files) {
        if (!write_file(job_dir, file)) {
            return fault("launch_failed", file.path, errno);
        }
    }
    return {};
}

/// Two nodes on one machine may share one; what counts is that it is the user's own directory.
StartFault make_private_dirs(const ShepherdOrder& order) {
    for (const std::string& path : order.private_dirs) {
        struct stat status{};
        if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
            return fault("launch_failed", path, errno);
        }
        if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
            status.st_uid != ::geteuid()) {
            return fault("launch_failed", path, EEXIST);
        }
    }
    return {};
}

StartFault open_one(const ShepherdOrder& order, const std::string& pattern, const OrderTask& task,
                    const Prepared& prepared, Fd& into) {
    const std::string path = expand_output(pattern, {.job = order.job,
                                                     .array_index = order.array_index,
                                                     .node = order.node,
                                                     .rank = task.rank});
    OpenedOutput opened = open_output(prepared.work_dir.get(), path, order.output_truncate != 0);
    if (!opened.fd) {
        return {.name = "output_unwritable", .path = path, .why = opened.why};
    }
    into = std::move(opened.fd);
    return {};
}

StartFault open_outputs(const ShepherdOrder& order, Prepared& prepared) {
    for (const OrderTask& task : order.tasks) {
        TaskOutput output;
        StartFault failed;
        if (!order.output.empty()) {
            failed = open_one(order, order.output, task, prepared, output.out);
        }
        if (!failed.any() && !order.error.empty() && order.error != order.output) {
            failed = open_one(order, order.error, task, prepared, output.error);
        }
        if (failed.any()) {
            return failed;
        }
        prepared.outputs.push_back(std::move(output));
    }
    return {};
}

StartFault open_work_dir(const ShepherdOrder& order, Fd& into) {
    into.reset(::open(order.chdir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!into) {
        return fault("directory_missing", order.chdir, errno);
    }
    if (::faccessat(into.get(), ".", X_OK, AT_EACCESS) != 0) {
        return fault("directory_missing", order.chdir, errno);
    }
    return {};
}

bool remove_children(int dir, int depth);

bool remove_entry(int dir, const std::string& name, int depth) {
    if (::unlinkat(dir, name.c_str(), 0) == 0 || errno == ENOENT) {
        return true;
    }
    if (errno != EISDIR && errno != EPERM && errno != EACCES) {
        return false;
    }
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    Fd child{::openat(dir, name.c_str(), flags)};
    if (!child && errno == EACCES && ::fchmodat(dir, name.c_str(), 0700, 0) == 0) {
        child.reset(::openat(dir, name.c_str(), flags));
    }
    if (!child || depth > tree_depth_max) {
        return false;
    }
    const bool emptied = remove_children(child.get(), depth + 1);
    return ::unlinkat(dir, name.c_str(), AT_REMOVEDIR) == 0 && emptied;
}

bool remove_children(int dir, int depth) {
    ::fchmod(dir, 0700);
    DIR* list = ::fdopendir(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (list == nullptr) {
        return false;
    }
    bool all = true;
    while (const dirent* entry = ::readdir(list)) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") {
            all = remove_entry(dir, name, depth) && all;
        }
    }
    ::closedir(list);
    return all;
}

}  // namespace

Prepared prepare_attempt(const ShepherdOrder& order, int spool_dir) {
    Prepared prepared;
    if (!may_act_as(order)) {
        prepared.fault = {.name = "launch_failed",
                          .path = {},
                          .why = "the agent may not act as user " + std::to_string(order.uid)};
        return prepared;
    }
    const mode_t before = ::umask(0);
    prepared.fault = make_job_dir(order, spool_dir, prepared.job_dir);
    const AsUser as_user(order);
    if (!prepared.fault.any()) {
        prepared.fault = write_files(order, prepared.job_dir.get());
    }
    if (!prepared.fault.any()) {
        prepared.fault = make_private_dirs(order);
    }
    if (!prepared.fault.any()) {
        prepared.fault = open_work_dir(order, prepared.work_dir);
    }
    ::umask(static_cast<mode_t>(order.umask));
    if (!prepared.fault.any()) {
        prepared.fault = open_outputs(order, prepared);
    }
    ::umask(before);
    return prepared;
}

void write_stop_file(const ShepherdOrder& order, int job_dir, const std::string& reason,
                     std::int64_t deadline_unix_ms) {
    constexpr const char* temporary = "stop.tmp";
    const AsUser as_user(order);
    const Fd file{
        ::openat(job_dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)};
    const std::string text =
        "reason=" + reason + "\ndeadline=" + std::to_string(deadline_unix_ms / 1000) + "\n";
    if (file && write_all(file.get(), text)) {
        ::renameat(job_dir, temporary, job_dir, spool_names::stop_file);
    }
}

void clear_attempt(const ShepherdOrder& order, int spool_dir) {
    const AsUser as_user(order);
    // The directory itself stays, as it stands in the agent's; what is in it goes.
    if (const Fd job = open_job_dir(spool_dir)) {
        remove_children(job.get(), 0);
    }
    for (const std::string& path : order.private_dirs) {
        struct stat status{};
        const bool own = ::lstat(path.c_str(), &status) == 0 && status.st_uid == ::geteuid();
        if (own) {
            remove_tree(AT_FDCWD, path);
        }
    }
}

bool remove_tree(int dir, const std::string& name) {
    return remove_entry(dir, name, 0);
}

}  // namespace khu::agent
