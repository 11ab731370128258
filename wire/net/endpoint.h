#pragma once

/// \file
/// Where khud is: "unix:/run/khu/khud.sock", "https://khud.example:7443" or "khud.example:7443".

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/expected.h"
#include "core/base/refusal.h"

namespace khu::wire::net {

inline constexpr std::uint16_t kDefaultPort = 7443;

struct HostPort {
    std::string host;  ///< name or address, without brackets; empty: every address (to listen)
    std::uint16_t port{kDefaultPort};
};

struct Endpoint {
    std::string unix_path;  ///< if not empty, the rest is not used
    HostPort tcp;

    [[nodiscard]] bool is_unix() const { return !unix_path.empty(); }
};

/// "host:port", "host", "[::1]:7443". Errors: BadEndpoint.
Expected<HostPort, Refusal> parse_host_port(std::string_view text);
/// Errors: BadEndpoint.
Expected<Endpoint, Refusal> parse_endpoint(std::string_view text);
/// As it is written: "unix:/path" or "https://host:port".
std::string text(const Endpoint& endpoint);

}  // namespace khu::wire::net
