#include "agent/output_book.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "wire/json.h"

namespace khu::agent {
namespace {

std::string read_whole(int file) {
    std::string text;
    char piece[64 * 1024];
    for (ssize_t got = 0;
         (got = ::pread(file, piece, sizeof piece, static_cast<off_t>(text.size()))) > 0;) {
        text.append(piece, static_cast<std::size_t>(got));
    }
    return text;
}

std::optional<OutputFiles> parse(std::string_view line) {
    auto files = wire::from_json_text<OutputFiles>(line, wire::Unknown::Ignore);
    return files ? std::optional(std::move(files).value()) : std::nullopt;
}

/// `with` gets each whole line and where it begins; the size of all whole lines.
std::int64_t each_line(std::string_view text, auto with) {
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string_view::npos;
         begin = end + 1) {
        with(text.substr(begin, end - begin), static_cast<std::int64_t>(begin));
    }
    return static_cast<std::int64_t>(begin);
}

}  // namespace

Expected<OutputBook, Refusal> OutputBook::open(const std::string& directory,
                                               std::size_t attempts_max) {
    OutputBook book(directory + "/outputs", std::max<std::size_t>(1, attempts_max / 2));
    const auto load = [](Volume& volume, const std::string& path, int flags) {
        volume.file.reset(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!volume.file) {
            return;
        }
        volume.size =
            each_line(read_whole(volume.file.get()), [&](std::string_view line, std::int64_t at) {
                if (const std::optional<OutputFiles> files = parse(line)) {
                    volume.lines[{files->job, files->attempt}] = {
                        .begin = at, .size = static_cast<std::int64_t>(line.size())};
                }
            });
    };
    load(book.old_, book.path_ + ".old.log", O_RDONLY);
    load(book.current_, book.path_ + ".log", O_RDWR | O_CREAT);
    // What follows the last whole line was being written when the machine stopped.
    if (!book.current_.file || ::ftruncate(book.current_.file.get(), book.current_.size) != 0) {
        return Unexpected{Refusal(Code::SpoolUnusable)
                              .with("path", book.path_ + ".log")
                              .with("why", std::strerror(errno))};
    }
    return book;
}

bool OutputBook::add(const OutputFiles& files) {
    if (current_.lines.size() >= lines_max_ && !turn_over()) {
        return false;
    }
    const std::string line = wire::to_json_text(files) + "\n";
    const auto written = ::pwrite(current_.file.get(), line.data(), line.size(), current_.size);
    if (written != static_cast<ssize_t>(line.size())) {
        errno = written < 0 ? errno : ENOSPC;
        return false;  // the next line overwrites the piece of this one
    }
    current_.lines[{files.job, files.attempt}] = {.begin = current_.size, .size = written - 1};
    current_.size += written;
    return true;
}

bool OutputBook::turn_over() {
    const std::string now = path_ + ".log", old = path_ + ".old.log";
    Fd fresh{::open((now + ".new").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    if (!fresh || ::rename(now.c_str(), old.c_str()) != 0 ||
        ::rename((now + ".new").c_str(), now.c_str()) != 0) {
        return false;
    }
    old_ = std::move(current_);
    current_ = {.file = std::move(fresh), .size = 0, .lines = {}};
    return true;
}

std::optional<OutputFiles> OutputBook::find(AttemptKey key) const {
    for (const Volume* volume : {&current_, &old_}) {
        const auto found = volume->lines.find(key);
        if (found == volume->lines.end()) {
            continue;
        }
        std::string line(static_cast<std::size_t>(found->second.size), '\0');
        const auto got = ::pread(volume->file.get(), line.data(), line.size(), found->second.begin);
        return got == found->second.size ? parse(line) : std::nullopt;
    }
    return std::nullopt;
}

}  // namespace khu::agent
