#include "agent/shepherd_channel.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/shepherd_records.h"

namespace khu::agent {
namespace {

/// A path that stays short however deep the spool lies: sun_path holds 108 bytes.
std::optional<sockaddr_un> address_in(int dir, const std::string& name) {
    const std::string path = "/proc/self/fd/" + std::to_string(dir) + "/" + name;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return std::nullopt;
    }
    std::copy(path.begin(), path.end(), address.sun_path);
    return address;
}

void take_fds(msghdr& message, std::vector<Fd>& into) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd{};
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            into.emplace_back(fd);
        }
    }
}

}  // namespace

bool send_packet(int socket, std::string_view text, const std::vector<int>& fds) {
    if (text.size() > packet_bytes_max || fds.size() > packet_fds_max) {
        return false;
    }
    iovec part{const_cast<char*>(text.data()), text.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(packet_fds_max * sizeof(int))]{};
    if (!fds.empty()) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
        cmsghdr* rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
        std::memcpy(CMSG_DATA(rights), fds.data(), fds.size() * sizeof(int));
    }
    return ::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

Received receive_packet(int socket, Packet& into, int flags) {
    into.fds.clear();
    // On the stack, where only what arrives is touched: a zygote's pages are copied at each fork.
    std::array<char, packet_bytes_max> bytes;
    iovec part{bytes.data(), bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(packet_fds_max * sizeof(int))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = ::recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    if (size < 0) {
        into.text.clear();
        return errno == EAGAIN || errno == EINTR ? Received::Nothing : Received::Ended;
    }
    take_fds(message, into.fds);
    into.text.assign(bytes.data(), static_cast<std::size_t>(size));
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        return Received::TooLarge;
    }
    return size == 0 ? Received::Ended : Received::Packet;
}

Fd listen_in(int dir, const std::string& name) {
    const std::optional<sockaddr_un> address = address_in(dir, name);
    Fd fd{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!address || !fd) {
        return {};
    }
    const mode_t before = ::umask(0177);
    const int bound =
        ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
    ::umask(before);
    if (bound != 0 || ::listen(fd.get(), 64) != 0) {
        return {};
    }
    return fd;
}

Fd connect_in(int dir, const std::string& name) {
    const std::optional<sockaddr_un> address = address_in(dir, name);
    Fd fd{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
    if (!address || !fd) {
        return {};
    }
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
        return {};
    }
    return fd;
}

std::optional<std::string> find_value(std::string_view text, std::string_view key) {
    const auto records = parse_records(text);
    if (!records) {
        return std::nullopt;
    }
    for (const Record& record : *records) {
        if (record.key == key) {
            return std::string(record.value);
        }
    }
    return std::nullopt;
}

std::optional<std::int64_t> find_number(std::string_view text, std::string_view key) {
    const std::optional<std::string> value = find_value(text, key);
    return value ? parse_number(*value) : std::nullopt;
}

}  // namespace khu::agent
