#pragma once

/// \file
/// Connecting to an endpoint with plain sockets, for the client (which waits) and the channel
/// (which does not).

#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <vector>

#include "core/base/expected.h"
#include "core/base/units.h"
#include "wire/net/endpoint.h"

namespace khu::wire::net {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size{0};
    [[nodiscard]] const sockaddr* get() const {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
};

Refusal unreachable(const Endpoint& endpoint, std::string why);
/// False if the path is empty or too long for a socket's address (107 bytes).
bool unix_address(const std::string& path, SocketAddress& address);
/// The addresses of an endpoint, at least one; asks DNS if it must. Errors: Unreachable.
Expected<std::vector<SocketAddress>, Refusal> resolve(const Endpoint& endpoint);

/// A new non-blocking socket that is connecting, or -1 with errno set. When it can be written,
/// connect_error tells what became of it.
int start_connect(const SocketAddress& address);
/// 0: connected.
int connect_error(int fd);

/// A connected socket in non-blocking mode, the caller's to close; tries each address within `most`
/// in all. Errors: Unreachable.
Expected<int, Refusal> dial(const Endpoint& endpoint, Span most);
/// Small packets leave at once (no Nagle), and a dead peer is noticed by the kernel.
void send_at_once(int fd);
/// Waits until `fd` can be read (or written); false when `most_ms` have passed.
bool wait_ready(int fd, bool to_read, std::int64_t most_ms);

}  // namespace khu::wire::net
