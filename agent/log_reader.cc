#include "agent/log_reader.h"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/beast/core/detail/base64.hpp>
#include <cstring>

namespace khu::agent {
namespace {

constexpr std::size_t kPieceBytes = 48UL * 1024;
constexpr int kPiecesPerPoll = 16;

std::string to_base64(const char* data, std::size_t size) {
    namespace base64 = boost::beast::detail::base64;
    std::string text(base64::encoded_size(size), '\0');
    text.resize(base64::encode(text.data(), data, size));
    return text;
}

/// Opens as the account `uid`; -1: as the agent itself. Empty with errno set if it may not.
Fd open_as(const std::string& path, std::int64_t uid) {
    if (uid >= 0) {
        ::setfsuid(static_cast<uid_t>(uid));
    }
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    const int failed = errno;
    if (uid >= 0) {
        ::setfsuid(::geteuid());
    }
    errno = failed;
    struct stat about{};
    if (file.get() < 0 || ::fstat(file.get(), &about) != 0) {
        return Fd();
    }
    const bool own = uid < 0 || about.st_uid == static_cast<uid_t>(uid);
    if (!S_ISREG(about.st_mode) || !own) {
        errno = EACCES;
        return Fd();
    }
    return file;
}

}  // namespace

void LogReader::start(const ReadOutput& wish, bool lives) {
    Reader reader{.wish = wish, .path = {}, .file = {}, .offset = wish.offset, .over = !lives};
    const std::optional<OutputFiles> files = outputs_.find({wish.job, wish.attempt});
    if (!files) {
        end(reader, "node " + node_ + " knows no output of this attempt");
        return;
    }
    const bool wants_error = wish.stream == "error" && !files->error.empty();
    reader.path = wants_error ? files->error : files->output;
    reader.uid = files->uid;
    if (!read_on(reader)) {
        readers_.insert_or_assign(wish.request, std::move(reader));
    }
}

void LogReader::poll() {
    for (auto each = readers_.begin(); each != readers_.end();) {
        each = read_on(each->second) ? readers_.erase(each) : std::next(each);
    }
}

std::vector<AttemptKey> LogReader::followed() const {
    std::vector<AttemptKey> keys;
    for (const auto& [request, reader] : readers_) {
        keys.push_back({reader.wish.job, reader.wish.attempt});
    }
    return keys;
}

void LogReader::set_over(AttemptKey key, bool over) {
    for (auto& [request, reader] : readers_) {
        if (AttemptKey{reader.wish.job, reader.wish.attempt} == key) {
            reader.over = over;
        }
    }
}

bool LogReader::read_on(Reader& reader) {
    const bool last =
        reader.over || !reader.wish.follow;  // asked before reading: nothing is missed
    if (reader.file.get() < 0) {
        reader.file = open_as(reader.path, reader.uid);
        if (reader.file.get() < 0) {
            const bool waits = errno == ENOENT && !last;
            return waits ? false : end(reader, reader.path + ": " + std::strerror(errno));
        }
    }
    std::array<char, kPieceBytes> piece{};
    for (int i = 0; i < kPiecesPerPoll; ++i) {
        const ssize_t got = ::pread(reader.file.get(), piece.data(), piece.size(), reader.offset);
        if (got < 0) {
            return end(reader, reader.path + ": " + std::strerror(errno));
        }
        if (got == 0) {
            return last ? end(reader, "") : false;
        }
        OutputChunk chunk;
        chunk.request = reader.wish.request;
        chunk.offset = reader.offset;
        chunk.data_base64 = to_base64(piece.data(), static_cast<std::size_t>(got));
        reader.offset += got;
        say_(chunk);
    }
    return false;
}

bool LogReader::end(const Reader& reader, const std::string& error) {
    OutputChunk chunk;
    chunk.request = reader.wish.request;
    chunk.offset = reader.offset;
    chunk.end = true;
    chunk.error = error;
    say_(chunk);
    return true;
}

}  // namespace khu::agent
