#pragma once

/// \file
/// Which network an address of this machine belongs to, for ranks that must not try every
/// interface.

#include <string>

namespace khu::agent {

/// "10.77.0.0/24" for an IPv4 address of one of this machine's interfaces; empty if it is none's.
std::string network_of(const std::string& address);
/// The address of the interface that leads to `host`; empty if there is none.
std::string address_towards(const std::string& host, int port);

}  // namespace khu::agent
