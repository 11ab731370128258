#include "wire/net/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "wire/net/secrets.h"

namespace khu::wire::net {
namespace {

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int fd() const { return fd_; }

private:
    int fd_;
};

Refusal failed(const std::string& path) {
    return Refusal(Code::FileFailed).with("path", path).with("why", std::strerror(errno));
}

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

bool write_durably(const std::string& path, std::string_view bytes, unsigned mode) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    return file.fd() >= 0 && ::fchmod(file.fd(), mode) == 0 && write_all(file.fd(), bytes) &&
           ::fsync(file.fd()) == 0;
}

void sync_folder(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (opened.fd() >= 0) {
        ::fsync(opened.fd());  // Some file systems cannot; the rename is atomic all the same.
    }
}

}  // namespace

Expected<Done, Refusal> write_file(const std::string& path, std::string_view bytes, unsigned mode) {
    const std::string temporary = fmt::format("{}.{}", path, random_token(8));
    if (!write_durably(temporary, bytes, mode) || ::rename(temporary.c_str(), path.c_str()) != 0) {
        Refusal refusal = failed(path);
        ::unlink(temporary.c_str());
        return Unexpected{std::move(refusal)};
    }
    sync_folder(path);
    return Done{};
}

Expected<Done, Refusal> write_private(const std::string& path, std::string_view bytes) {
    return write_file(path, bytes, 0600);
}

Expected<std::string, Refusal> read_file(const std::string& path) {
    constexpr std::size_t most = 16 << 20;
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd() < 0) {
        return Unexpected{failed(path)};
    }
    std::string bytes;
    std::array<char, 16384> part;
    for (;;) {
        const ssize_t n = ::read(file.fd(), part.data(), part.size());
        if (n == 0) {
            return bytes;
        }
        if (n < 0 || bytes.size() > most) {
            errno = n < 0 ? errno : EFBIG;
            return Unexpected{failed(path)};
        }
        bytes.append(part.data(), static_cast<std::size_t>(n));
    }
}

}  // namespace khu::wire::net
