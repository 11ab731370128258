#include "daemon/store/chain.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>

#include "core/base/check.h"

namespace khu::daemon {

Chain::Chain() : context_(EVP_MD_CTX_new()) {
    KHU_CHECK(context_ != nullptr);
}

Chain::~Chain() {
    EVP_MD_CTX_free(context_);
}

ChainHash Chain::next(const ChainHash& previous, const Entry& entry) {
    const std::string line = '\n' + chain_line(entry);
    ChainHash out{};
    unsigned int size = 0;
    const bool done = EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1 &&
                      EVP_DigestUpdate(context_, previous.data(), previous.size()) == 1 &&
                      EVP_DigestUpdate(context_, line.data(), line.size()) == 1 &&
                      EVP_DigestFinal_ex(context_, out.data(), &size) == 1;
    KHU_CHECK(done && size == out.size(), "SHA-256 gave {} bytes", size);
    return out;
}

std::string hex(const ChainHash& hash) {
    std::string out;
    for (const unsigned char byte : hash) {
        out += fmt::format("{:02x}", byte);
    }
    return out;
}

std::string_view bytes_of(const ChainHash& hash) {
    return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

ChainHash hash_of(std::string_view bytes) {
    ChainHash hash{};
    KHU_CHECK(bytes.size() == hash.size(), "{} bytes", bytes.size());
    std::ranges::copy(bytes, hash.begin());
    return hash;
}

}  // namespace khu::daemon
