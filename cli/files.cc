#include "cli/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace khu::cli {
namespace {

FileFault fault_of(int error) {
    return {.why = std::strerror(error), .missing = error == ENOENT};
}

/// Closes itself.
struct File {
    int number{-1};
    ~File() {
        if (number > 2) {
            ::close(number);
        }
    }
};

Expected<std::string, FileFault> read_all(int file, std::int64_t bytes_max) {
    std::string out;
    std::array<char, 65536> piece{};
    for (;;) {
        const ssize_t got = ::read(file, piece.data(), piece.size());
        if (got < 0 && errno != EINTR) {
            return Unexpected{fault_of(errno)};
        }
        if (got == 0) {
            return out;
        }
        out.append(piece.data(), static_cast<std::size_t>(got > 0 ? got : 0));
        if (static_cast<std::int64_t>(out.size()) > bytes_max) {
            return Unexpected{FileFault{.why = std::strerror(EFBIG),
                                        .bytes = static_cast<std::int64_t>(out.size())}};
        }
    }
}

}  // namespace

Expected<std::string, FileFault> read_file(const std::string& path, std::int64_t bytes_max) {
    if (path == "-") {
        return read_all(0, bytes_max);
    }
    const File file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct stat about{};
    if (file.number < 0 || ::fstat(file.number, &about) != 0) {
        return Unexpected{fault_of(errno)};
    }
    if (S_ISDIR(about.st_mode)) {
        return Unexpected{fault_of(EISDIR)};
    }
    if (S_ISREG(about.st_mode) && about.st_size > bytes_max) {
        return Unexpected{FileFault{.why = std::strerror(EFBIG), .bytes = about.st_size}};
    }
    return read_all(file.number, bytes_max);
}

NewFile::NewFile(std::string path, unsigned mode) : path_(std::move(path)) {
    temporary_ = path_ + ".part-" + std::to_string(::getpid());
    file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                   static_cast<mode_t>(mode));
    error_ = file_ < 0 ? errno : 0;
}

NewFile::~NewFile() {
    if (file_ >= 0) {
        ::close(file_);
        ::unlink(temporary_.c_str());
    }
}

Expected<Done, FileFault> NewFile::write(std::string_view bytes) {
    while (error_ == 0 && !bytes.empty()) {
        const ssize_t written = ::write(file_, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) {
            error_ = errno;
        }
        bytes.remove_prefix(static_cast<std::size_t>(written > 0 ? written : 0));
    }
    return error_ == 0 ? Expected<Done, FileFault>(Done{}) : Unexpected{fault_of(error_)};
}

Expected<Done, FileFault> NewFile::restart() {
    if (error_ == 0 && (::lseek(file_, 0, SEEK_SET) != 0 || ::ftruncate(file_, 0) != 0)) {
        error_ = errno;
    }
    return error_ == 0 ? Expected<Done, FileFault>(Done{}) : Unexpected{fault_of(error_)};
}

Expected<Done, FileFault> NewFile::keep() {
    if (error_ == 0 && (::fsync(file_) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0)) {
        error_ = errno;
    }
    if (error_ != 0) {
        return Unexpected{fault_of(error_)};
    }
    ::close(file_);
    file_ = -1;
    return Done{};
}

}  // namespace khu::cli
