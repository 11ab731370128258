#include "agent/checkpoint_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "agent/fd.h"

namespace khu::agent {
namespace {

constexpr std::size_t bytes_max = 4096;  // PATH_MAX

std::int64_t nanoseconds(const timespec& at) {
    return at.tv_sec * 1'000'000'000LL + at.tv_nsec;
}

std::int64_t wall_now() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return nanoseconds(now);
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

}  // namespace

std::optional<CheckpointFile> read_checkpoint(int dir, const char* name) {
    const Fd file{::openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    struct stat status{};
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        return std::nullopt;
    }
    char bytes[bytes_max + 1];
    const ssize_t size = ::read(file.get(), bytes, sizeof bytes);
    if (size <= 0 || static_cast<std::size_t>(size) > bytes_max) {
        return std::nullopt;
    }
    std::string path(bytes, static_cast<std::size_t>(size));
    if (path.back() == '\n') {
        path.pop_back();
    }
    if (path.empty() || std::any_of(path.begin(), path.end(), is_control)) {
        return std::nullopt;
    }
    const std::int64_t stamp = nanoseconds(status.st_mtim);
    return CheckpointFile{.stamp = std::max<std::int64_t>(stamp, 1),
                          .age_ms = std::max<std::int64_t>(0, wall_now() - stamp) / 1'000'000,
                          .path = std::move(path)};
}

}  // namespace khu::agent
