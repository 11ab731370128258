#pragma once

/// \file
/// The audit chain of the books: H0 = 32 zero bytes, Hn = SHA-256(H(n-1) || '\n' || line n), with
/// the line of core/ledger/entry.h. Not secret, only tamper-evident: the head is printed in every
/// report, so that holders keep copies. SHA-256 is OpenSSL's.

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "core/ledger/entry.h"

struct evp_md_ctx_st;

namespace khu::daemon {

using ChainHash = std::array<unsigned char, 32>;

class Chain {
public:
    Chain();
    ~Chain();
    Chain(const Chain&) = delete;
    Chain& operator=(const Chain&) = delete;

    /// The hash of `entry` after `previous`.
    ChainHash next(const ChainHash& previous, const Entry& entry);

private:
    evp_md_ctx_st* context_;
};

/// 64 lower-case hexadecimal digits.
std::string hex(const ChainHash& hash);
std::string_view bytes_of(const ChainHash& hash);
/// Claims: 32 bytes.
ChainHash hash_of(std::string_view bytes);

}  // namespace khu::daemon
