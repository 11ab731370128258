#pragma once

/// \file
/// One keep-alive HTTP/1.1 connection of a load generator: over a Unix socket or over TLS, blocking
/// writes, reads that take what is there. Small on purpose: the generator shares the machine with
/// the server it measures, so it must cost less than the server. Not a client for anything else:
/// the server's certificate is not checked, and only bodies with a Content-Length are understood.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace khu::bench {

/// Where the server is: "unix:/path/khud.sock" or "https://10.77.0.1:7443".
struct Endpoint {
    std::string socket_path{};  ///< not empty: the Unix socket
    std::string host{};
    std::string port{};
};

/// Errors: neither of the two forms.
std::optional<Endpoint> read_endpoint(std::string_view text);

struct Response {
    int status{0};
    std::string body;
};

class HttpConnection {
public:
    /// Connects, with the TLS handshake where there is one. Exits with a message if it cannot:
    /// a load generator without a server has nothing to say.
    explicit HttpConnection(const Endpoint& endpoint);
    ~HttpConnection();
    HttpConnection(HttpConnection&&) noexcept;
    HttpConnection& operator=(HttpConnection&&) noexcept;

    /// The descriptor to poll for reading.
    int descriptor() const;

    /// Sends a whole request. False: the connection is broken.
    bool send(std::string_view request);

    /// Takes what has arrived (blocks if nothing has). False: the connection is broken or ended.
    bool receive();

    /// The next whole response of those received, if there is one.
    std::optional<Response> next_response();

private:
    struct Tls;
    int socket_{-1};
    std::unique_ptr<Tls> tls_;
    std::string received_;
};

}  // namespace khu::bench
