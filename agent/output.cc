#include "agent/output.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace khu::agent {
namespace {

constexpr int links_max = 8;

OpenedOutput failed(int error, std::string why = {}) {
    return {.fd = {}, .error = error, .why = why.empty() ? std::strerror(error) : std::move(why)};
}

/// The target of the link `path` if its owner may be trusted with the user's files; else empty.
std::string target_of(int dir, const std::string& path) {
    const Fd link{::openat(dir, path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
    struct stat status{};
    if (!link || ::fstat(link.get(), &status) != 0 || !S_ISLNK(status.st_mode)) {
        return {};
    }
    if (status.st_uid != ::geteuid() && status.st_uid != 0) {
        return {};
    }
    char target[PATH_MAX];
    const ssize_t size = ::readlinkat(link.get(), "", target, sizeof target);
    if (size <= 0) {
        return {};
    }
    const std::string text(target, static_cast<std::size_t>(size));
    const std::size_t slash = path.rfind('/');
    const bool beside = text.front() != '/' && slash != std::string::npos;
    return beside ? path.substr(0, slash + 1) + text : text;
}

OpenedOutput accept(Fd fd, bool truncate) {
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) {
        return failed(errno);
    }
    if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode)) {
        return failed(EINVAL, "is neither a file nor a terminal");
    }
    if (truncate && S_ISREG(status.st_mode) && ::ftruncate(fd.get(), 0) != 0) {
        return failed(errno);
    }
    // Opened without blocking so that a FIFO could not hold us; the job expects a blocking file.
    if (::fcntl(fd.get(), F_SETFL, O_APPEND) != 0) {
        return failed(errno);
    }
    return {.fd = std::move(fd), .error = 0, .why = {}};
}

}  // namespace

std::string output_pattern(const std::string& asked) {
    return asked.empty() ? "khu-%j.out" : asked;
}

std::string expand_output(std::string_view pattern, const OutputNames& names) {
    std::string path;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const char letter = pattern[i] == '%' && i + 1 < pattern.size() ? pattern[i + 1] : '\0';
        if (letter == 'j') {
            path += std::to_string(names.job);
        } else if (letter == 'N') {
            path += names.node;
        } else if (letter == 't') {
            path += std::to_string(names.rank);
        } else if (letter == 'a') {
            path += std::to_string(names.array_index < 0 ? 0 : names.array_index);
        } else if (letter == 'A') {  // of an element: its array's number (core/jobs/array.h)
            path += std::to_string(names.array_index < 0 ? names.job
                                                         : names.job - 1 - names.array_index);
        } else if (letter == '%') {
            path += '%';
        } else {
            path += pattern[i];
            continue;
        }
        ++i;
    }
    return path;
}

OpenedOutput open_output(int dir, const std::string& path, bool truncate) {
    constexpr int flags =
        O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    std::string name = path;
    for (int links = 0; links <= links_max; ++links) {
        Fd fd{::openat(dir, name.c_str(), flags, 0666)};
        if (fd) {
            return accept(std::move(fd), truncate);
        }
        const int error = errno;
        if (error != ELOOP) {
            return failed(error);
        }
        name = target_of(dir, name);
        if (name.empty()) {
            return failed(ELOOP, "is a symbolic link of another user");
        }
    }
    return failed(ELOOP);
}

}  // namespace khu::agent
