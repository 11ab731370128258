#pragma once

/// \file
/// Hashes, random tokens and their comparison, all from OpenSSL. Secrets are compared in a time
/// that does not depend on where they differ.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace khu::wire::net {

using Sha256 = std::array<unsigned char, 32>;

Sha256 sha256(std::string_view bytes);
/// "e3b0c442...": 64 digits.
std::string sha256_hex(std::string_view bytes);
Sha256 hmac_sha256(std::string_view key, std::string_view bytes);

std::string hex(std::string_view bytes);
inline std::string hex(const Sha256& hash) {
    return hex({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

/// A new secret of `bytes` random bytes, as hex: twice as many characters.
/// Claims: the system's random source works.
std::string random_token(std::size_t bytes = 32);

/// Whether they are equal, in a time that depends on their lengths only.
bool same_secret(std::string_view a, std::string_view b);

}  // namespace khu::wire::net
