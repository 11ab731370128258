#include "tests/cli/program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/check.h"

namespace khu::cli::test {
namespace {

struct Pipe {
    int read{-1};
    int write{-1};
    Pipe() {
        std::array<int, 2> ends{};
        KHU_CHECK(::pipe2(ends.data(), O_CLOEXEC) == 0);
        read = ends[0];
        write = ends[1];
    }
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (std::string& text : texts) {
        out.push_back(text.data());
    }
    out.push_back(nullptr);
    return out;
}

[[noreturn]] void become_khu(std::vector<std::string> words, const Surroundings& around,
                             const Pipe& in, const Pipe& out, const Pipe& err) {
    ::dup2(in.read, 0);
    ::dup2(out.write, 1);
    ::dup2(err.write, 2);
    if (!around.folder.empty() && ::chdir(around.folder.c_str()) != 0) {
        ::_exit(126);
    }
    std::map<std::string, std::string> env{
        {"PATH", "/usr/bin:/bin"}, {"HOME", "/nonexistent"}, {"TZ", "Asia/Ho_Chi_Minh"}};
    for (const auto& [name, value] : around.env) {
        env[name] = value;
    }
    std::vector<std::string> settings;
    for (const auto& [name, value] : env) {
        settings.push_back(name + "=" + value);
    }
    words.insert(words.begin(), "khu");
    ::execve(KHU_BIN_DIR "/khu", pointers(words).data(), pointers(settings).data());
    ::_exit(127);
}

void read_both(const Pipe& out, const Pipe& err, Ran& ran) {
    std::array<pollfd, 2> waiting{{{out.read, POLLIN, 0}, {err.read, POLLIN, 0}}};
    const std::array<std::string*, 2> into{&ran.out, &ran.err};
    int open = 2;
    while (open > 0) {
        ::poll(waiting.data(), 2, -1);
        for (std::size_t i = 0; i < 2; ++i) {
            if (waiting[i].fd < 0 || waiting[i].revents == 0) {
                continue;
            }
            std::array<char, 65536> piece{};
            const ssize_t got = ::read(waiting[i].fd, piece.data(), piece.size());
            if (got <= 0) {
                ::close(waiting[i].fd);
                waiting[i].fd = -1;
                --open;
            } else {
                into[i]->append(piece.data(), static_cast<std::size_t>(got));
            }
        }
    }
}

}  // namespace

Ran run_khu(const std::vector<std::string>& words, const Surroundings& around) {
    const Pipe in;
    const Pipe out;
    const Pipe err;
    const pid_t child = ::fork();
    KHU_CHECK(child >= 0);
    if (child == 0) {
        become_khu(words, around, in, out, err);
    }
    ::close(in.read);
    ::close(out.write);
    ::close(err.write);
    KHU_CHECK(around.input.size() < 4096);  // fits in the pipe, so this cannot block
    KHU_CHECK(::write(in.write, around.input.data(), around.input.size()) >= 0);
    ::close(in.write);
    Ran ran;
    read_both(out, err, ran);
    int status = 0;
    KHU_CHECK(::waitpid(child, &status, 0) == child);
    ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return ran;
}

Folder::Folder() {
    path_ = std::filesystem::temp_directory_path() / "khu-cli-XXXXXX";
    KHU_CHECK(::mkdtemp(path_.data()) != nullptr);
}

Folder::~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string Folder::file(const std::string& name, const std::string& text) const {
    const std::string path = path_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
}

std::string read_text(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

}  // namespace khu::cli::test
