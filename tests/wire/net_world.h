#pragma once

/// \file
/// A zone's certificates, a server and clients for the tests of wire/net: real sockets on loopback
/// with free ports, and Unix sockets in a directory of their own.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <utility>

#include "wire/net/client.h"
#include "wire/net/dial.h"
#include "wire/net/server.h"
#include "wire/net/tls.h"

namespace khu::wire::net::test {

inline constexpr auto kLong = std::chrono::seconds(20);  ///< far above what anything here takes

inline Moment now() {
    using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::system_clock;
    return Moment{duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
}

template <class T>
T must(Expected<T, Refusal> value) {
    if (!value) {
        ADD_FAILURE() << text(value.error(), Language::English);
        std::abort();
    }
    return std::move(value).value();
}

struct Zone {
    Identity authority = must(make_authority("test", now()));
    Identity server = must(issue_server(authority, {"127.0.0.1", "localhost"}, now()));
    [[nodiscard]] Identity node(const std::string& name) const {
        return must(issue_node(authority, NodeName{name}, now()));
    }
};
inline const Zone& zone() {
    static const Zone one;
    return one;
}

/// A directory that is gone with it.
class Directory {
public:
    Directory() {
        std::string pattern = "/tmp/khu-net-XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }
    ~Directory() { std::filesystem::remove_all(path_); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    [[nodiscard]] std::string operator/(const std::string& name) const {
        return path_ + "/" + name;
    }

private:
    std::string path_;
};

/// What one thread puts in, another takes out.
template <class T>
class Mailbox {
public:
    void put(T value) {
        const std::lock_guard lock(mutex_);
        values_.push_back(std::move(value));
        changed_.notify_all();
    }
    T take() {
        std::unique_lock lock(mutex_);
        const bool came = changed_.wait_for(lock, kLong, [this] { return !values_.empty(); });
        if (!came) {
            ADD_FAILURE() << "nothing came";
            std::abort();
        }
        T value = std::move(values_.front());
        values_.pop_front();
        return value;
    }
    bool empty() {
        const std::lock_guard lock(mutex_);
        return values_.empty();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<T> values_;
};

inline Response problem(const Refusal& refusal) {
    return {.status = info(refusal.code).http_status,
            .content_type = "application/problem+json",
            .body = std::string(info(refusal.code).name)};
}

/// "POST /v1/jobs limit=10 body"
inline Response echo(const Request& request) {
    std::string words = request.method + " " + request.path;
    for (const auto& [name, value] : request.query) {
        words += " " + name + "=" + value;
    }
    return {.content_type = "text/plain", .body = words + " " + request.body};
}

/// A running server with both doors, and clients of it.
class Served {
public:
    explicit Served(Handler handler = {}, ServerLimits limits = {}, int threads = 2) {
        options_.tcp = "127.0.0.1:0";
        options_.identity = zone().server;
        options_.authority = zone().authority.certificate;
        options_.unix_path = directory_ / "khud.sock";
        options_.threads = threads;
        options_.limits = limits;
        options_.handler = std::move(handler);
        options_.problem = problem;
        if (!options_.handler) {
            options_.handler = [](Request&& request, const Responder& responder) {
                responder.send(echo(request));
            };
        }
        start();
    }

    void start() { server_ = must(Server::start(options_)); }
    /// Stops, and starts again at the same port.
    void restart() {
        options_.tcp = "127.0.0.1:" + std::to_string(server_->port());
        server_.reset();
        start();
    }

    Server& server() { return *server_; }
    ServerOptions& options() { return options_; }
    void destroy() { server_.reset(); }

    Endpoint unix_endpoint() { return {.unix_path = *options_.unix_path, .tcp = {}}; }
    Endpoint tls_endpoint() {
        return {.unix_path = {}, .tcp = {.host = "127.0.0.1", .port = server_->port()}};
    }
    Client unix_client() { return Client(ClientOptions{.endpoint = unix_endpoint()}); }
    Client tls_client(std::optional<Identity> identity = {}) {
        return Client(ClientOptions{.endpoint = tls_endpoint(),
                                    .authority = zone().authority.certificate,
                                    .identity = std::move(identity)});
    }
    Client client(bool tls) { return tls ? tls_client() : unix_client(); }

private:
    Directory directory_;
    ServerOptions options_;
    std::unique_ptr<Server> server_;
};

/// A plain socket, for what no client of ours would do.
class Raw {
public:
    explicit Raw(const Endpoint& endpoint) : fd_(must(dial(endpoint, seconds(5)))) {}
    ~Raw() { ::close(fd_); }
    Raw(const Raw&) = delete;
    Raw& operator=(const Raw&) = delete;

    [[nodiscard]] int fd() const { return fd_; }
    void write(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0 && !(errno == EAGAIN && wait_ready(fd_, false, 5000))) {
                return;  // the server has hung up; what it said is still to be read
            }
            bytes.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
        }
    }
    /// All that comes until the server hangs up, or until `end` has come.
    std::string read_until(std::string_view end = {}) {
        std::string all;
        char part[4096];
        while (end.empty() || all.find(end) == std::string::npos) {
            if (!wait_ready(fd_, true, 20'000)) {
                ADD_FAILURE() << "the server is silent after: " << all;
                break;
            }
            const ssize_t n = ::recv(fd_, part, sizeof part, 0);
            if (n <= 0) {
                break;
            }
            all.append(part, static_cast<std::size_t>(n));
        }
        return all;
    }

private:
    int fd_;
};

}  // namespace khu::wire::net::test
