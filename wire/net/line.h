#pragma once

/// \file
/// Bytes over a socket that never blocks, plain or TLS: one shape for the server, the client and
/// the agents' channel. It says what it waits for; the waiting is the caller's (Asio or poll).
/// Writing to a closed peer raises no SIGPIPE, so no program must change its signals.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "wire/net/tls_context.h"

namespace khu::wire::net {

enum class Io { Done, WantRead, WantWrite, Closed, Failed };

struct IoResult {
    Io state;
    std::size_t bytes{0};  ///< moved, if Done
};

class Line {
public:
    /// `fd`: a connected socket in non-blocking mode, which stays the caller's.
    static Line plain(int fd) { return Line(fd, nullptr, nullptr, {}); }
    static Line tls_server(int fd, std::shared_ptr<TlsContext> context);
    /// `host`: the name or address that was called; the certificate must be for it or kServerName.
    static Line tls_client(int fd, std::shared_ptr<TlsContext> context, std::string host);

    ~Line();
    Line(Line&& other) noexcept;
    Line(const Line&) = delete;
    Line& operator=(const Line&) = delete;
    Line& operator=(Line&&) = delete;

    /// To be called again after the wait it asks for, until Done, Closed or Failed.
    Io handshake();
    IoResult read(char* data, std::size_t size);
    /// May write less than `size`.
    IoResult write(const char* data, std::size_t size);
    /// Tells the peer that nothing more comes; best effort.
    void finish();

    [[nodiscard]] bool is_tls() const { return ssl_ != nullptr; }
    /// Common name of the peer's certificate; empty if it presented none.
    [[nodiscard]] std::string peer_subject() const;
    /// Whether the handshake resumed an earlier session.
    [[nodiscard]] bool resumed() const;
    /// What Failed was.
    [[nodiscard]] const std::string& why() const { return why_; }

private:
    Line(int fd, std::shared_ptr<TlsContext> context, ssl_st* ssl, std::string host);
    Io outcome(int result);
    Io system_outcome();
    bool is_for_host();

    int fd_;
    std::shared_ptr<TlsContext> context_;
    ssl_st* ssl_;
    std::string host_;
    std::string why_;
};

}  // namespace khu::wire::net
