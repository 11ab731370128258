#include "benchmarks/load/http_connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace khu::bench {

namespace {

[[noreturn]] void give_up(const std::string& what) {
    std::perror(("submit_load: " + what).c_str());
    std::exit(3);
}

int connect_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        give_up(path);
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    const int made = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(made, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        give_up(path);
    }
    return made;
}

int connect_tcp(const std::string& host, const std::string& port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
        give_up(host);
    }
    const int made = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(made, found->ai_addr, found->ai_addrlen) != 0) {
        give_up(host + ":" + port);
    }
    ::freeaddrinfo(found);
    const int on = 1;
    ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return made;
}

/// The value of a header in a response's head, by its name in lower case.
std::string_view header(std::string_view head, std::string_view name) {
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
         at = head.find("\r\n", at)) {
        at += 2;
        const std::string_view line = head.substr(at, head.find("\r\n", at) - at);
        if (line.size() > name.size() && line[name.size()] == ':' &&
            ::strncasecmp(line.data(), name.data(), name.size()) == 0) {
            const std::size_t value = line.find_first_not_of(' ', name.size() + 1);
            return value == std::string_view::npos ? std::string_view{} : line.substr(value);
        }
    }
    return {};
}

template <class Integer>
Integer number_in(std::string_view text) {
    Integer value{};
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

SSL_CTX* tls_context() {
    static SSL_CTX* const context = [] {
        SSL_CTX* made = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
        // A read must not wait for application data after a session ticket.
        SSL_CTX_clear_mode(made, SSL_MODE_AUTO_RETRY);
        return made;
    }();
    return context;
}

}  // namespace

std::optional<Endpoint> read_endpoint(std::string_view text) {
    constexpr std::string_view unix_form = "unix:";
    constexpr std::string_view tls_form = "https://";
    if (text.starts_with(unix_form)) {
        return Endpoint{.socket_path = std::string{text.substr(unix_form.size())}};
    }
    const std::size_t colon = text.rfind(':');
    if (!text.starts_with(tls_form) || colon < tls_form.size()) {
        return std::nullopt;
    }
    return Endpoint{.host = std::string{text.substr(tls_form.size(), colon - tls_form.size())},
                    .port = std::string{text.substr(colon + 1)}};
}

struct HttpConnection::Tls {
    SSL* session{nullptr};
    Tls() = default;
    Tls(const Tls&) = delete;
    Tls& operator=(const Tls&) = delete;
    ~Tls() { SSL_free(session); }
};

HttpConnection::HttpConnection(const Endpoint& endpoint)
    : socket_(endpoint.socket_path.empty() ? connect_tcp(endpoint.host, endpoint.port)
                                           : connect_unix(endpoint.socket_path)) {
    if (!endpoint.socket_path.empty()) {
        return;
    }
    tls_ = std::make_unique<Tls>();
    tls_->session = SSL_new(tls_context());
    SSL_set_fd(tls_->session, socket_);
    if (SSL_connect(tls_->session) != 1) {
        give_up("TLS handshake");
    }
}

HttpConnection::~HttpConnection() {
    if (socket_ >= 0) {
        ::close(socket_);
    }
}

HttpConnection::HttpConnection(HttpConnection&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      tls_(std::move(other.tls_)),
      received_(std::move(other.received_)) {}

HttpConnection& HttpConnection::operator=(HttpConnection&& other) noexcept {
    std::swap(socket_, other.socket_);
    std::swap(tls_, other.tls_);
    std::swap(received_, other.received_);
    return *this;
}

int HttpConnection::descriptor() const {
    return socket_;
}

bool HttpConnection::send(std::string_view request) {
    if (tls_) {
        return SSL_write(tls_->session, request.data(), static_cast<int>(request.size())) > 0;
    }
    while (!request.empty()) {
        const ssize_t sent = ::send(socket_, request.data(), request.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        request.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool HttpConnection::receive() {
    std::array<char, 16384> piece{};
    if (!tls_) {
        const ssize_t got = ::recv(socket_, piece.data(), piece.size(), 0);
        received_.append(piece.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
        return got > 0;
    }
    do {
        const int got = SSL_read(tls_->session, piece.data(), static_cast<int>(piece.size()));
        if (got <= 0) {
            return SSL_get_error(tls_->session, got) == SSL_ERROR_WANT_READ;
        }
        received_.append(piece.data(), static_cast<std::size_t>(got));
    } while (SSL_pending(tls_->session) > 0);
    return true;
}

std::optional<Response> HttpConnection::next_response() {
    const std::size_t head_end = received_.find("\r\n\r\n");
    if (head_end == std::string::npos) {
        return std::nullopt;
    }
    const std::string_view head = std::string_view{received_}.substr(0, head_end + 2);
    const auto body_bytes = number_in<std::size_t>(header(head, "content-length"));
    const std::size_t whole = head_end + 4 + body_bytes;
    if (received_.size() < whole) {
        return std::nullopt;
    }
    Response response{.status = number_in<int>(head.substr(head.find(' ') + 1)),
                      .body = received_.substr(head_end + 4, body_bytes)};
    received_.erase(0, whole);
    return response;
}

}  // namespace khu::bench
