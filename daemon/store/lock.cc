#include "daemon/store/lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace khu::daemon {
namespace {

Refusal full(const std::string& path, int error) {
    return Refusal(Code::StoreFull)
        .with("why", fmt::format("{}: {}", path, std::generic_category().message(error)));
}

}  // namespace

Expected<DirectoryLock, Refusal> DirectoryLock::take(const std::string& directory) {
    const std::string path = directory + "/lock";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return Unexpected{full(path, errno)};
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd);
        return Unexpected{Refusal(Code::StateLocked).with("path", directory)};
    }
    return DirectoryLock(fd);
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DirectoryLock& DirectoryLock::operator=(DirectoryLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

DirectoryLock::~DirectoryLock() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

bool DirectoryLock::is_marked() const {
    struct stat info{};
    return ::fstat(fd_, &info) == 0 && info.st_size > 0;
}

Expected<Done, Refusal> DirectoryLock::mark(const std::string& zone) {
    const std::string text = zone + "\n";
    const ssize_t written = ::pwrite(fd_, text.data(), text.size(), 0);
    if (written != static_cast<ssize_t>(text.size()) || ::fsync(fd_) != 0) {
        return Unexpected{full("lock", written < 0 ? errno : ENOSPC)};
    }
    return Done{};
}

Expected<Done, Refusal> make_directory(const std::string& directory) {
    std::error_code error;
    const bool made = std::filesystem::create_directories(directory, error);
    if (error) {
        return Unexpected{full(directory, error.value())};
    }
    if (made && ::chmod(directory.c_str(), 0700) != 0) {
        return Unexpected{full(directory, errno)};
    }
    return Done{};
}

Expected<Done, Refusal> sync_directory(const std::string& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return Unexpected{full(directory, errno)};
    }
    const int result = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    if (result != 0) {
        return Unexpected{full(directory, error)};
    }
    return Done{};
}

}  // namespace khu::daemon
