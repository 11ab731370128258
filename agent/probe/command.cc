#include "agent/probe/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

extern char** environ;

namespace khu::agent {
namespace {

constexpr std::size_t kOutputMax = 4U << 20;

/// Both ends of a pipe, closed with it.
struct Pipe {
    std::array<int, 2> ends{-1, -1};

    Pipe() = default;
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() {
        close_end(0);
        close_end(1);
    }
    void close_end(std::size_t end) {
        if (ends[end] >= 0) {
            ::close(std::exchange(ends[end], -1));
        }
    }
};

/// 0, or what went wrong. Nothing to read, errors to nobody.
int start(const std::string& program, const std::vector<std::string>& arguments, int out,
          pid_t& pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    std::vector<std::string> words{program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    const int failed =
        ::posix_spawnp(&pid, program.c_str(), &actions, &attributes, argv.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/// Reads until the end; false if the time is over or too much came.
bool read_until(int fd, std::chrono::steady_clock::time_point end, std::string& text) {
    std::array<char, 65536> piece{};
    while (text.size() <= kOutputMax) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            end - std::chrono::steady_clock::now());
        pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
        const int ready = left.count() <= 0 ? 0 : ::poll(&wait, 1, static_cast<int>(left.count()));
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready <= 0) {
            return false;
        }
        const ssize_t got = ::read(fd, piece.data(), piece.size());
        if (got <= 0) {
            return got == 0;
        }
        text.append(piece.data(), static_cast<std::size_t>(got));
    }
    return false;
}

/// True once it has ended, with how; false if the time is over.
bool ends_by(pid_t pid, std::chrono::steady_clock::time_point end, int& status) {
    while (true) {
        const pid_t got = ::waitpid(pid, &status, WNOHANG);
        if (got == pid || (got < 0 && errno != EINTR)) {
            return got == pid;
        }
        if (std::chrono::steady_clock::now() >= end) {
            return false;
        }
        ::poll(nullptr, 0, 2);  // It has closed its output: it ends now, if it ends.
    }
}

}  // namespace

Expected<std::string, CommandFault> output_of(const std::string& program,
                                              const std::vector<std::string>& arguments,
                                              Span timeout) {
    const auto fault = [&](const std::string& why) {
        return Unexpected{CommandFault{.why = fmt::format("{}: {}", program, why)}};
    };
    Pipe pipe;
    if (::pipe2(pipe.ends.data(), O_CLOEXEC) != 0) {
        return fault(std::strerror(errno));
    }
    pid_t pid = 0;
    if (const int failed = start(program, arguments, pipe.ends[1], pid); failed != 0) {
        return Unexpected{
            CommandFault{.absent = failed == ENOENT,
                         .why = fmt::format("{}: {}", program, std::strerror(failed))}};
    }
    pipe.close_end(1);
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout.value);
    std::string text;
    int status = 0;
    if (!read_until(pipe.ends[0], end, text) || !ends_by(pid, end, status)) {
        ::kill(-pid, SIGKILL);
        while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        return fault(text.size() > kOutputMax
                         ? std::string("too much output")
                         : fmt::format("no end after {}", format_span(timeout)));
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return fault(WIFEXITED(status) ? fmt::format("exit code {}", WEXITSTATUS(status))
                                       : std::string("killed"));
    }
    return text;
}

}  // namespace khu::agent
