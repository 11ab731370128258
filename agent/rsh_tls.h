#pragma once

/// \file
/// One TLS 1.3 connection over a socket that never blocks: who waits, waits with a deadline.
/// OpenSSL directly, for khu-rsh must start fast, and the server is a few threads.
///
/// Nodes present the certificate with which they talk to khud (CN "node:NAME", for clients only, so
/// that no node can pose as khud); khu-rsh therefore asks for exactly that purpose and that name.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/fd.h"
#include "core/base/expected.h"
#include "core/base/units.h"
#include "wire/net/openssl_ptr.h"

namespace khu::agent {

/// What read() takes in one go at most, about: the rest stays in the socket, and slows its sender.
inline constexpr std::size_t rsh_read_ahead = 128 << 10;

class TlsStream {
public:
    /// Calls `address`:`port` and verifies that it is node `node` of the zone whose authority is
    /// `authority` (PEM). Error: what failed, for people.
    static Expected<TlsStream, std::string> connect(const std::string& address, int port,
                                                    const std::string& authority,
                                                    const std::string& node, Span patience);
    /// The server's side of a connected socket.
    static Expected<TlsStream, std::string> accept(Fd socket, SSL_CTX* context, Span patience);

    [[nodiscard]] int fd() const { return socket_.get(); }

    /// All of `bytes`; false if the peer takes nothing for `patience`, or is gone.
    bool write(std::string_view bytes, Span patience);

    enum class Read { Some, Nothing, Ended };
    /// Appends to `into` what is there now.
    Read read(std::string& into);
    /// True if bytes wait in the TLS layer, of which poll knows nothing.
    [[nodiscard]] bool pending() const { return SSL_pending(ssl_.get()) > 0; }
    /// Appends up to and with the first line end; false if it does not come in time, or the line is
    /// longer than `bytes_max`. What came after it stays in `rest`.
    bool read_line(std::string& line, std::string& rest, std::size_t bytes_max, Span patience);

    void close();

private:
    TlsStream(Fd socket, wire::net::SslPtr ssl)
        : socket_(std::move(socket)), ssl_(std::move(ssl)) {}
    bool wait_for(int result, std::int64_t until_ms);

    Fd socket_;
    wire::net::SslPtr ssl_;
};

/// A server's context: presents `certificate` and `key` (PEM). Null: they do not fit together.
wire::net::SslContextPtr make_rsh_server_context(const std::string& certificate,
                                                 const std::string& key);

}  // namespace khu::agent
