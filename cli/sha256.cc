#include "cli/sha256.h"

#include <openssl/evp.h>

#include <array>

#include "core/base/check.h"
#include "wire/net/secrets.h"

namespace khu::cli {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    KHU_CHECK(context_ != nullptr && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() {
    EVP_MD_CTX_free(context_);
}

void Sha256::add(std::string_view piece) {
    KHU_CHECK(EVP_DigestUpdate(context_, piece.data(), piece.size()) == 1);
}

std::string Sha256::hex() {
    std::array<unsigned char, 32> hash{};
    unsigned size = 0;
    KHU_CHECK(EVP_DigestFinal_ex(context_, hash.data(), &size) == 1 && size == hash.size());
    return wire::net::hex({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

}  // namespace khu::cli
