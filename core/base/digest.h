#pragma once

/// \file
/// A 64-bit digest of a state or a trace, to compare two runs. Not cryptographic: the audit chain
/// of the ledger uses SHA-256 (daemon/store). Source: FNV-1a, public domain.

#include <cstdint>
#include <string_view>

namespace khu {

class Digest {
public:
    void add(std::string_view bytes);
    void add(std::uint64_t number);
    [[nodiscard]] std::uint64_t value() const { return value_; }

private:
    std::uint64_t value_{0xcbf29ce484222325};
};

}  // namespace khu
