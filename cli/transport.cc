#include "cli/transport.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/http_parser.h"

namespace khu::cli {
namespace {

volatile sig_atomic_t signal_came = 0;

void note_signal(int) {
    signal_came = 1;
}

class UnixStream final : public ByteStream {
public:
    explicit UnixStream(int file) : file_(file) {}
    ~UnixStream() override { ::close(file_); }
    UnixStream(const UnixStream&) = delete;
    UnixStream& operator=(const UnixStream&) = delete;

    long read_some(char* to, std::size_t size, Span idle) override {
        pollfd waiting{.fd = file_, .events = POLLIN, .revents = 0};
        const int timeout = idle == Span{0} ? -1 : static_cast<int>(idle.value);
        const int ready = ::poll(&waiting, 1, timeout);
        if (ready == 0) {
            errno = ETIMEDOUT;
        }
        return ready <= 0 ? -1 : ::recv(file_, to, size, 0);
    }
    long write_some(const char* from, std::size_t size) override {
        return ::send(file_, from, size, MSG_NOSIGNAL);
    }
    [[nodiscard]] std::string last_error() const override { return std::strerror(errno); }

private:
    int file_;
};

class UnixTransport final : public Transport {
public:
    explicit UnixTransport(std::string path) : path_(std::move(path)) {}

protected:
    Expected<std::unique_ptr<ByteStream>, NetFault> connect() override {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path_.size() >= sizeof(address.sun_path)) {
            return Unexpected{NetFault{.stage = NetFault::Stage::Connect, .why = "path too long"}};
        }
        std::memcpy(address.sun_path, path_.data(), path_.size());
        const int file = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto* where = reinterpret_cast<const sockaddr*>(&address);
        if (file < 0 || ::connect(file, where, sizeof(address)) != 0) {
            const int error = errno;
            if (file >= 0) {
                ::close(file);
            }
            return Unexpected{NetFault{.stage = NetFault::Stage::Connect,
                                       .why = std::strerror(error),
                                       .absent = error == ENOENT || error == ECONNREFUSED}};
        }
        return std::unique_ptr<ByteStream>(std::make_unique<UnixStream>(file));
    }
    [[nodiscard]] std::string host() const override { return "localhost"; }

private:
    std::string path_;
};

std::string request_text(const HttpRequest& request, const std::string& host) {
    std::string text;
    text.reserve(request.body.size() + request.headers.size() + 256);
    text += request.method + " " + request.target + " HTTP/1.1\r\nHost: " + host + "\r\n";
    text += request.headers;
    if (!request.body.empty() || request.method != "GET") {
        text += "Content-Type: application/json\r\n";
        text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
    }
    text += "\r\n";
    text += request.body;
    return text;
}

/// False with errno. What could be sent may already have an answer (a refusal of a large body), so
/// the caller reads on even if this fails.
bool send_all(ByteStream& stream, std::string_view text) {
    while (!text.empty()) {
        const long sent = stream.write_some(text.data(), text.size());
        if (sent < 0 && errno == EINTR && !interrupted()) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

}  // namespace

Expected<HttpHead, NetFault> Transport::converse(const HttpRequest& request, const OnBody& on_body,
                                                 bool& answered) {
    const bool sent = send_all(*stream_, request_text(request, host()));
    const std::string why = sent ? "" : stream_->last_error();
    Expected<HttpOutcome, NetFault> outcome =
        read_answer(*stream_, request.idle, on_body, answered);
    if (!outcome) {
        stream_.reset();
        if (!why.empty()) {
            outcome.error().why = why;
        }
        return Unexpected{outcome.error()};
    }
    if (!outcome->keep_alive || !sent) {
        stream_.reset();
    }
    return outcome->head;
}

Expected<HttpHead, NetFault> Transport::exchange(const HttpRequest& request,
                                                 const OnBody& on_body) {
    bool answered = false;
    if (request.method != "GET") {
        stream_.reset();  // A kept connection may be closed already; only reading may be repeated.
    }
    if (stream_ != nullptr) {
        const Expected<HttpHead, NetFault> head = converse(request, on_body, answered);
        if (head || answered || head.error().stage == NetFault::Stage::Interrupted) {
            return head;
        }
    }
    Expected<std::unique_ptr<ByteStream>, NetFault> made = connect();
    if (!made) {
        return Unexpected{made.error()};
    }
    stream_ = *std::move(made);
    return converse(request, on_body, answered);
}

std::unique_ptr<Transport> unix_transport(std::string path) {
    return std::make_unique<UnixTransport>(std::move(path));
}

bool interrupted() {
    return signal_came != 0;
}

void catch_interrupts() {
    struct sigaction action{};
    action.sa_handler = note_signal;  // No SA_RESTART: a blocking read must return.
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

void forget_interrupt() {
    signal_came = 0;
}

}  // namespace khu::cli
