#include "cli/pdf.h"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

extern char** environ;

namespace khu::cli {
namespace {

constexpr const char* kProgram = "weasyprint";
constexpr int kNotFound = 127;

/// A file in memory: what a program reads, or has written.
class MemoryFile {
public:
    explicit MemoryFile(std::string_view text = {})
        : number_(::memfd_create("khu-page", MFD_CLOEXEC)) {
        while (good_ && !text.empty()) {
            const ssize_t written = ::write(number_, text.data(), text.size());
            good_ = written > 0 || (written < 0 && errno == EINTR);
            text.remove_prefix(static_cast<std::size_t>(written > 0 ? written : 0));
        }
        good_ = good_ && ::lseek(number_, 0, SEEK_SET) == 0;
    }
    ~MemoryFile() { ::close(number_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] int number() const { return number_; }
    [[nodiscard]] std::string text() const {
        std::string all;
        std::array<char, 65536> piece{};
        ssize_t got = 0;
        while ((got = ::pread(number_, piece.data(), piece.size(),
                              static_cast<off_t>(all.size()))) > 0) {
            all.append(piece.data(), static_cast<std::size_t>(got));
        }
        return all;
    }

private:
    int number_;
    bool good_{number_ >= 0};
};

/// The exit code; kNotFound where there is no such program, 128 + signal.
int run(const MemoryFile& in, const MemoryFile& out, const MemoryFile& said) {
    std::array<std::string, 5> words{kProgram, "--encoding", "utf-8", "-", "-"};
    std::array<char*, words.size() + 1> argv{};
    for (std::size_t i = 0; i < words.size(); ++i) {
        argv.at(i) = words.at(i).data();
    }
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in.number(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out.number(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, said.number(), STDERR_FILENO);
    pid_t child = 0;
    const int failed = ::posix_spawnp(&child, kProgram, &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    while (failed == 0 && ::waitpid(child, &status, 0) != child) {
        if (errno != EINTR) {
            return kNotFound;
        }
    }
    return failed != 0         ? kNotFound
           : WIFEXITED(status) ? WEXITSTATUS(status)
                               : 128 + WTERMSIG(status);
}

std::string last_line(std::string text) {
    while (text.ends_with('\n')) {
        text.pop_back();
    }
    return text.substr(text.rfind('\n') + 1);
}

}  // namespace

Expected<std::string, Refusal> pdf_of(const std::string& page) {
    const MemoryFile in(page);
    const MemoryFile out;
    const MemoryFile said;
    if (!in.good() || !out.good() || !said.good()) {
        return Unexpected{Refusal(Code::PdfFailed)
                              .with("program", kProgram)
                              .with("exit", std::int64_t{0})
                              .with("why", std::strerror(ENOMEM))};
    }
    const int code = run(in, out, said);
    if (code == kNotFound) {
        return Unexpected{Refusal(Code::NoPdfProgram).with("program", kProgram)};
    }
    std::string pdf = out.text();
    if (code != 0 || !pdf.starts_with("%PDF-")) {
        return Unexpected{Refusal(Code::PdfFailed)
                              .with("program", kProgram)
                              .with("exit", static_cast<std::int64_t>(code))
                              .with("why", last_line(said.text()).substr(0, 200))};
    }
    return pdf;
}

}  // namespace khu::cli
