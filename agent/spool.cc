#include "agent/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/cgroup_kill.h"
#include "agent/fd.h"
#include "agent/shepherd_prepare.h"
#include "agent/shepherd_records.h"
#include "wire/json.h"

namespace khu::agent {
namespace {

Unexpected<Refusal> unusable(const std::string& path, std::string why) {
    return Unexpected{Refusal(Code::SpoolUnusable).with("path", path).with("why", std::move(why))};
}

Unexpected<Refusal> launch_failed(const ShepherdOrder& order, std::string why) {
    return Unexpected{
        Refusal(Code::LaunchFailed).with("node", order.node).with("why", std::move(why))};
}

/// The first directory on the way to `path` that other users may not pass; empty if there is none.
std::string closed_parent(const std::string& path) {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const std::string parent = path.substr(0, slash);
        struct stat status{};
        if (::stat(parent.c_str(), &status) == 0 && (status.st_mode & S_IXOTH) == 0) {
            return parent;
        }
        if (slash == std::string::npos) {
            return {};
        }
    }
}

std::vector<std::string> names_in(int dir, const char* below) {
    std::vector<std::string> names;
    DIR* list = ::fdopendir(::openat(dir, below, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (list == nullptr) {
        return names;
    }
    while (const dirent* entry = ::readdir(list)) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") {
            names.push_back(name);
        }
    }
    ::closedir(list);
    return names;
}

bool is_empty_or_missing(int dir, const char* below) {
    const Fd list{::openat(dir, below, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    return list ? names_in(list.get(), ".").empty() : errno == ENOENT;
}

std::string read_in(int dir, const std::string& name) {
    return read_small_file(fmt::format("/proc/self/fd/{}/{}", dir, name));
}

bool write_in(int dir, const char* name, const void* bytes, std::size_t size) {
    const Fd file{::openat(dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
    return file && replace_content(file.get(), {static_cast<const char*>(bytes), size});
}

/// A file that was passed on may still be its last owner's after a loss of power.
bool is_of(const auto& content, AttemptKey key) {
    return content.job == static_cast<std::int64_t>(key.job.value) &&
           content.attempt == static_cast<std::int64_t>(key.attempt.value);
}

constexpr std::int64_t kSparesMax = 256;

std::string spare(std::int64_t number) {
    return fmt::format("spare/{}", number);
}

std::string incoming(AttemptKey key) {
    return fmt::format("{}/{}", spool_names::incoming, name_of(key));
}

}  // namespace

std::string name_of(AttemptKey key) {
    return fmt::format("{}.{}", key.job.value, key.attempt.value);
}

std::optional<AttemptKey> key_of(const std::string& name) {
    const std::size_t dot = std::min(name.find('.'), name.size());
    const auto job = parse_number(std::string_view(name).substr(0, dot));
    const auto attempt =
        parse_number(std::string_view(name).substr(std::min(dot + 1, name.size())));
    if (!job || !attempt || *job < 0 || *attempt < 0) {
        return std::nullopt;
    }
    const AttemptKey key{.job = JobId{static_cast<std::uint64_t>(*job)},
                         .attempt = AttemptNumber{static_cast<std::uint64_t>(*attempt)}};
    return name_of(key) == name ? std::optional(key) : std::nullopt;
}

Expected<Spool, Refusal> Spool::open(const std::string& path, SpoolLimits limits) {
    if (path.empty() || path.front() != '/') {
        return unusable(path, "is not an absolute path");
    }
    ::mkdir(path.c_str(), 0711);
    Spool spool;
    spool.path_ = path;
    spool.limits_ = limits;
    spool.dir_.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat status{};
    if (!spool.dir_ || ::fstat(spool.dir_.get(), &status) != 0) {
        return unusable(path, std::strerror(errno));
    }
    if (status.st_uid != ::geteuid() || (status.st_mode & 022) != 0) {
        return unusable(path, "belongs to or can be written by another user");
    }
    if (::flock(spool.dir_.get(), LOCK_EX | LOCK_NB) != 0) {
        return unusable(path, "another agent uses it");
    }
    ::fchmod(spool.dir_.get(), 0711);
    const std::string closed = ::geteuid() == 0 ? closed_parent(path) : std::string();
    if (!closed.empty()) {
        return unusable(path, fmt::format("users may not pass {}", closed));
    }
    for (const char* own : {spool_names::incoming, "spare"}) {
        remove_tree(spool.dir_.get(), own);
        if (::mkdirat(spool.dir_.get(), own, 0700) != 0) {
            return unusable(path, std::strerror(errno));
        }
    }
    spool.attempts_ = static_cast<std::int64_t>(spool.list().size());
    return spool;
}

std::string Spool::job_dir(AttemptKey key) const {
    return fmt::format("{}/{}/{}", path_, name_of(key), spool_names::job_dir);
}

Expected<Done, Refusal> Spool::check_room() const {
    const auto full = [&](std::string what) {
        return Unexpected{Refusal(Code::LaunchFailed)
                              .with("node", "")
                              .with("why", fmt::format("spool {}: {}", path_, std::move(what)))};
    };
    struct statvfs room{};
    if (::fstatvfs(dir_.get(), &room) != 0) {
        return full(std::strerror(errno));
    }
    const auto free = Bytes{static_cast<std::int64_t>(room.f_bavail * room.f_frsize)};
    if (free < limits_.free_min) {
        return full(fmt::format("{} free, at least {} are kept", format_bytes(free),
                                format_bytes(limits_.free_min)));
    }
    // Some file systems count no files: they say 0 of 0.
    if (room.f_files > 0 && static_cast<std::int64_t>(room.f_favail) < limits_.files_free_min) {
        return full(fmt::format("room for {} files only", room.f_favail));
    }
    if (attempts_ >= limits_.attempts_max) {
        return full(fmt::format("holds {} attempts, its limit", attempts_));
    }
    return Done{};
}

Expected<Done, Refusal> Spool::add(const ShepherdOrder& order, std::int64_t lease_until_boot_ms) {
    Expected<Done, Refusal> room = check_room();
    if (!room) {
        room.error().data[0].value = order.node;
        return room;
    }
    const AttemptKey key{.job = JobId{static_cast<std::uint64_t>(order.job)},
                         .attempt = AttemptNumber{static_cast<std::uint64_t>(order.attempt)}};
    if (open_attempt(key)) {
        return launch_failed(order, fmt::format("attempt {} is here already", name_of(key)));
    }
    const std::string name = incoming(key);
    const Fd dir = make_incoming(name);
    const std::string text = encode_order(order);
    if (!dir || !write_in(dir.get(), spool_names::order, text.data(), text.size()) ||
        !write_in(dir.get(), spool_names::lease, &lease_until_boot_ms,
                  sizeof lease_until_boot_ms)) {
        const std::string why = std::strerror(errno);
        remove_tree(dir_.get(), name);
        return launch_failed(order, fmt::format("spool: {}", why));
    }
    ++attempts_;
    return Done{};
}

Fd Spool::make_incoming(const std::string& name) {
    remove_tree(dir_.get(), name);
    bool made = false;
    if (spares_ > 0) {
        const std::string from = spare(--spares_);
        made = ::renameat(dir_.get(), from.c_str(), dir_.get(), name.c_str()) == 0;
    }
    if (!made && ::mkdirat(dir_.get(), name.c_str(), 0700) != 0) {
        return {};
    }
    Fd dir{::openat(dir_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    // Users pass through it to their part, and may do nothing else in it.
    return dir && ::fchmod(dir.get(), 0711) == 0 ? std::move(dir) : Fd{};
}

std::vector<SpoolEntry> Spool::list() const {
    std::vector<SpoolEntry> entries;
    for (const std::string& name : names_in(dir_.get(), ".")) {
        if (const std::optional<AttemptKey> key = key_of(name)) {
            entries.push_back({.key = *key, .ended = has_result(*key)});
        }
    }
    std::sort(entries.begin(), entries.end(),
              [](const SpoolEntry& a, const SpoolEntry& b) { return a.key < b.key; });
    return entries;
}

Fd Spool::open_attempt(AttemptKey key) const {
    return Fd{::openat(dir_.get(), name_of(key).c_str(),
                       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
}

bool Spool::has_result(AttemptKey key) const {
    const std::string path = name_of(key) + "/" + spool_names::result;
    return ::faccessat(dir_.get(), path.c_str(), F_OK, 0) == 0;
}

std::optional<ShepherdOrder> Spool::read_order(AttemptKey key) const {
    const Fd dir = open_attempt(key);
    const std::string text = dir ? read_in(dir.get(), spool_names::order) : std::string();
    auto order = text.empty() ? std::nullopt : decode_order(text);
    return order && is_of(*order, key) ? order : std::nullopt;
}

std::optional<ShepherdResult> Spool::read_result(AttemptKey key) const {
    const Fd dir = open_attempt(key);
    const std::string text = dir ? read_in(dir.get(), spool_names::result) : std::string();
    const auto result = wire::from_json_text<ShepherdResult>(text, wire::Unknown::Ignore);
    return result && is_of(*result, key) ? std::optional(*result) : std::nullopt;
}

bool Spool::is_tended(AttemptKey key) const {
    const std::string path = name_of(key) + "/" + spool_names::lease;
    const Fd lease{::openat(dir_.get(), path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    return lease && ::flock(lease.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Fd Spool::open_output(AttemptKey key) const {
    const std::string path = name_of(key) + "/" + spool_names::output;
    return Fd{::openat(dir_.get(), path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
}

bool Spool::renew_lease(AttemptKey key, std::int64_t until_boot_ms) const {
    const auto write = [&](const std::string& path) {
        const Fd file{::openat(dir_.get(), path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC)};
        return file && ::pwrite(file.get(), &until_boot_ms, sizeof until_boot_ms, 0) ==
                           sizeof until_boot_ms;
    };
    const std::string tail = std::string("/") + spool_names::lease;
    return write(name_of(key) + tail) || write(incoming(key) + tail);
}

void Spool::sync() const {
    ::syncfs(dir_.get());
}

/// False if something of a user's is in it, or there are enough.
bool Spool::keep_as_spare(int dir, const std::string& name) {
    if (spares_ >= kSparesMax) {
        return false;
    }
    for (const char* file : {spool_names::socket, spool_names::output}) {
        ::unlinkat(dir, file, 0);
    }
    const bool finished =
        ::renameat(dir, spool_names::result, dir, spool_names::unfinished) == 0 || errno == ENOENT;
    if (!finished || !is_empty_or_missing(dir, spool_names::job_dir)) {
        return false;
    }
    const std::string to = spare(spares_);
    const bool kept = ::renameat(dir_.get(), name.c_str(), dir_.get(), to.c_str()) == 0;
    spares_ += kept ? 1 : 0;
    return kept;
}

void Spool::forget(AttemptKey key) {
    const std::string name = name_of(key);
    const Fd dir = open_attempt(key);
    if (!dir) {
        remove_tree(dir_.get(), incoming(key));
    } else if (!keep_as_spare(dir.get(), name)) {
        remove_tree(dir_.get(), name);
    }
    attempts_ = std::max<std::int64_t>(0, attempts_ - 1);
}

}  // namespace khu::agent
