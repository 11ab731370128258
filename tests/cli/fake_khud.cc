#include "tests/cli/fake_khud.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "core/base/check.h"

namespace khu::cli::test {
namespace {

bool same_letters(const std::string& a, const std::string& b) {
    return std::ranges::equal(a, b,
                              [](char x, char y) { return std::tolower(x) == std::tolower(y); });
}

/// One request of a connection; none at its end.
std::optional<FakeRequest> receive(int connection, std::string& pending) {
    std::size_t head = std::string::npos;
    std::array<char, 65536> piece{};
    FakeRequest request;
    std::size_t whole = 0;
    for (;;) {
        head = pending.find("\r\n\r\n");
        if (head != std::string::npos && whole == 0) {
            const std::size_t line = pending.find("\r\n");
            const std::string first = pending.substr(0, line);
            request.method = first.substr(0, first.find(' '));
            const std::size_t target = request.method.size() + 1;
            request.target = first.substr(target, first.find(' ', target) - target);
            request.headers = pending.substr(line + 2, head - line);
            const std::string length = request.header("Content-Length");
            whole = head + 4 + (length.empty() ? 0 : std::stoul(length));
        }
        if (whole != 0 && pending.size() >= whole) {
            request.body = pending.substr(head + 4, whole - head - 4);
            pending.erase(0, whole);
            return request;
        }
        const ssize_t got = ::read(connection, piece.data(), piece.size());
        if (got <= 0) {
            return std::nullopt;
        }
        pending.append(piece.data(), static_cast<std::size_t>(got));
    }
}

}  // namespace

std::string FakeRequest::header(const std::string& name) const {
    std::size_t at = 0;
    while (at < headers.size()) {
        const std::size_t end = headers.find("\r\n", at);
        const std::string line = headers.substr(at, end - at);
        const std::size_t colon = line.find(':');
        if (colon != std::string::npos && same_letters(line.substr(0, colon), name)) {
            return line.substr(line.find_first_not_of(' ', colon + 1));
        }
        at = end == std::string::npos ? headers.size() : end + 2;
    }
    return {};
}

std::string http(int status, const std::string& body, const std::string& type) {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + type +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string problem(int status, const std::string& code, const std::string& title,
                    const std::string& data, const std::string& detail) {
    return http(status,
                R"({"type":"refusals/)" + code + R"(","title":")" + title + R"(","status":)" +
                    std::to_string(status) + R"(,"detail":")" + detail +
                    R"(","remedy":"","code":")" + code + R"(","data":)" + data + "}",
                "application/problem+json");
}

FakeKhud::FakeKhud(Answer answer) : answer_(std::move(answer)) {
    std::string name = std::filesystem::temp_directory_path() / "khu-cli-XXXXXX";
    KHU_CHECK(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    const std::string path = folder_ + "/khud.sock";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    KHU_CHECK(path.size() < sizeof(address.sun_path));
    std::memcpy(address.sun_path, path.data(), path.size());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    KHU_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    KHU_CHECK(::listen(listener_, 16) == 0);
    thread_ = std::thread([this] { serve(); });
}

FakeKhud::~FakeKhud() {
    ::shutdown(listener_, SHUT_RDWR);  // wakes accept()
    thread_.join();
    ::close(listener_);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::vector<FakeRequest> FakeKhud::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

void FakeKhud::serve() {
    for (;;) {
        const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) {
            return;
        }
        serve_one(connection);
        ::close(connection);
    }
}

void FakeKhud::serve_one(int connection) {
    std::string pending;
    for (;;) {
        const std::optional<FakeRequest> request = receive(connection, pending);
        if (!request) {
            return;
        }
        {
            const std::lock_guard lock(mutex_);
            requests_.push_back(*request);
        }
        const std::string answer = answer_(*request);
        std::string_view rest = answer;
        while (!rest.empty()) {
            const ssize_t sent = ::send(connection, rest.data(), rest.size(), MSG_NOSIGNAL);
            if (sent <= 0) {
                return;
            }
            rest.remove_prefix(static_cast<std::size_t>(sent));
        }
        const bool keeps = answer.find("\r\nContent-Length:") != std::string::npos &&
                           answer.find("\r\nConnection: close") == std::string::npos;
        if (!keeps) {
            return;
        }
    }
}

}  // namespace khu::cli::test
