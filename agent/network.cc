#include "agent/network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bit>

namespace khu::agent {

std::string network_of(const std::string& address) {
    in_addr wanted{};
    ifaddrs* all = nullptr;
    if (::inet_pton(AF_INET, address.c_str(), &wanted) != 1 || ::getifaddrs(&all) != 0) {
        return {};
    }
    std::string network;
    for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
        if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET ||
            each->ifa_netmask == nullptr) {
            continue;
        }
        const auto own = reinterpret_cast<const sockaddr_in*>(each->ifa_addr)->sin_addr;
        const auto mask = reinterpret_cast<const sockaddr_in*>(each->ifa_netmask)->sin_addr;
        if (own.s_addr == wanted.s_addr) {
            const in_addr base{own.s_addr & mask.s_addr};
            char text[INET_ADDRSTRLEN] = {};
            ::inet_ntop(AF_INET, &base, text, sizeof text);
            network = std::string(text) + "/" + std::to_string(std::popcount(mask.s_addr));
            break;
        }
    }
    ::freeifaddrs(all);
    return network;
}

std::string address_towards(const std::string& host, int port) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
        return {};
    }
    std::string address;
    const int probe = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in own{};
    socklen_t size = sizeof own;
    if (probe >= 0 && ::connect(probe, found->ai_addr, found->ai_addrlen) == 0 &&
        ::getsockname(probe, reinterpret_cast<sockaddr*>(&own), &size) == 0) {
        char text[INET_ADDRSTRLEN] = {};
        ::inet_ntop(AF_INET, &own.sin_addr, text, sizeof text);
        address = text;
    }
    if (probe >= 0) {
        ::close(probe);
    }
    ::freeaddrinfo(found);
    return address;
}

}  // namespace khu::agent
