#include "wire/net/dial.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>

namespace khu::wire::net {
namespace {

using Clock = std::chrono::steady_clock;

std::int64_t left_ms(Clock::time_point end) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
}

/// Connects, or gives -1 and leaves the reason in errno.
int connect_within(const SocketAddress& address, Clock::time_point end) {
    int fd = start_connect(address);
    while (fd < 0 && errno == EAGAIN && left_ms(end) > 0) {
        // A Unix socket's queue is full: the kernel offers no way to wait for room.
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        fd = start_connect(address);
    }
    if (fd < 0) {
        return -1;
    }
    const int error = wait_ready(fd, false, left_ms(end)) ? connect_error(fd) : ETIMEDOUT;
    if (error != 0) {
        ::close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

}  // namespace

Refusal unreachable(const Endpoint& endpoint, std::string why) {
    return Refusal(Code::Unreachable).with("endpoint", text(endpoint)).with("why", std::move(why));
}

bool unix_address(const std::string& path, SocketAddress& address) {
    sockaddr_un local{};
    if (path.empty() || path.size() >= sizeof local.sun_path) {
        return false;
    }
    local.sun_family = AF_UNIX;
    std::ranges::copy(path, local.sun_path);
    std::memcpy(&address.storage, &local, sizeof local);
    address.size = sizeof local;
    return true;
}

Expected<std::vector<SocketAddress>, Refusal> resolve(const Endpoint& endpoint) {
    std::vector<SocketAddress> addresses(1);
    if (endpoint.is_unix()) {
        if (!unix_address(endpoint.unix_path, addresses.front())) {
            return Unexpected{unreachable(endpoint, "the path is too long")};
        }
        return addresses;
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;  // not AI_ADDRCONFIG: it fails where only loopback is up
    addrinfo* found = nullptr;
    const std::string port = std::to_string(endpoint.tcp.port);
    const int failed = ::getaddrinfo(endpoint.tcp.host.c_str(), port.c_str(), &hints, &found);
    if (failed != 0) {
        return Unexpected{unreachable(endpoint, ::gai_strerror(failed))};
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
    addresses.clear();
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        SocketAddress& address = addresses.emplace_back();
        std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
        address.size = one->ai_addrlen;
    }
    return addresses;
}

int start_connect(const SocketAddress& address) {
    const int family = address.get()->sa_family;
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    if (family != AF_UNIX) {
        send_at_once(fd);
    }
    if (::connect(fd, address.get(), address.size) != 0 && errno != EINPROGRESS) {
        const int error = errno;
        ::close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

int connect_error(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

Expected<int, Refusal> dial(const Endpoint& endpoint, Span most) {
    const Clock::time_point end = Clock::now() + std::chrono::milliseconds(most.value);
    const Expected<std::vector<SocketAddress>, Refusal> addresses = resolve(endpoint);
    if (!addresses) {
        return Unexpected{addresses.error()};
    }
    for (const SocketAddress& address : *addresses) {
        const int fd = connect_within(address, end);
        if (fd >= 0) {
            return fd;
        }
    }
    return Unexpected{unreachable(endpoint, std::strerror(errno))};
}

void send_at_once(int fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

bool wait_ready(int fd, bool to_read, std::int64_t most_ms) {
    const Clock::time_point end = Clock::now() + std::chrono::milliseconds(most_ms);
    for (;;) {
        pollfd waiting{
            .fd = fd, .events = static_cast<short>(to_read ? POLLIN : POLLOUT), .revents = 0};
        const std::int64_t left = std::clamp<std::int64_t>(left_ms(end), 0, 3'600'000);
        const int ready = ::poll(&waiting, 1, static_cast<int>(left));
        if (ready > 0) {
            return true;
        }
        if (ready == 0 || errno != EINTR) {
            return false;
        }
    }
}

}  // namespace khu::wire::net
