#include "cli/plan/agent_probe.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "core/base/limits.h"

extern char** environ;

namespace khu::cli {
namespace {

constexpr const char* kName = "khu-agent";
constexpr int kNotFound = 127;  ///< as shells say it

std::string beside_this_program() {
    std::error_code none;
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", none);
    const std::string beside = (self.parent_path() / kName).string();
    return !none && ::access(beside.c_str(), X_OK) == 0 ? beside : kName;
}

/// All that comes, up to the bound of an inventory.
std::string read_all(int fd) {
    std::string text;
    std::array<char, 65536> piece{};
    ssize_t got = 0;
    while ((got = ::read(fd, piece.data(), piece.size())) > 0 &&
           static_cast<std::int64_t>(text.size()) <= limits::frame_bytes_max) {
        text.append(piece.data(), static_cast<std::size_t>(got));
    }
    return text;
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

}  // namespace

Expected<std::string, std::string> probe_by_agent(const std::string& path) {
    const std::string program = beside_this_program();
    int out[2]{};
    if (::pipe2(out, O_CLOEXEC) != 0) {
        return Unexpected{std::string("pipe2")};
    }
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDERR_FILENO);
    std::array<std::string, 6> words{kName, "probe", "--topology", path, "--format", "json"};
    std::array<char*, words.size() + 1> argv{};
    for (std::size_t i = 0; i < words.size(); ++i) {
        argv[i] = words[i].data();
    }
    pid_t child = 0;
    const int failed =
        ::posix_spawnp(&child, program.c_str(), &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    std::string text = failed == 0 ? read_all(out[0]) : std::string{};
    ::close(out[0]);
    int status = 0;
    if (failed != 0 || ::waitpid(child, &status, 0) != child) {
        return Unexpected{std::string{}};
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        const bool missing = WIFEXITED(status) && WEXITSTATUS(status) == kNotFound;
        return Unexpected{missing ? std::string{} : first_line(text)};
    }
    return text;
}

}  // namespace khu::cli
