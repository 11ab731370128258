#pragma once

/// \file
/// A file descriptor that closes itself, and writing all of a text to one. Used by the shepherd
/// too, so the standard library only.

#include <unistd.h>

#include <string_view>
#include <utility>

namespace khu::agent {

class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            reset(std::exchange(other.fd_, -1));
        }
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }

    [[nodiscard]] int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }
    void reset(int fd = -1) {
        if (fd_ >= 0) {
            ::close(fd_);
        }
        fd_ = fd;
    }

private:
    int fd_{-1};
};

/// All of `content`, in as many calls as it takes. False with errno: not all of it was written.
inline bool write_all(int fd, std::string_view content) {
    while (!content.empty()) {
        const ssize_t written = ::write(fd, content.data(), content.size());
        if (written < 0) {
            return false;
        }
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

/// `content` becomes the whole of a file that may have had another. Cut last, not first: a file
/// that is emptied and written again is flushed to disk by some file systems when it is closed.
inline bool replace_content(int fd, std::string_view content) {
    return write_all(fd, content) && ::ftruncate(fd, static_cast<off_t>(content.size())) == 0;
}

}  // namespace khu::agent
