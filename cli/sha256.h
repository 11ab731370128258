#pragma once

/// \file
/// SHA-256 of what comes in pieces, by OpenSSL.

#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace khu::cli {

class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    void add(std::string_view piece);
    /// 64 digits; ends the hash.
    std::string hex();

private:
    evp_md_ctx_st* context_;
};

}  // namespace khu::cli
