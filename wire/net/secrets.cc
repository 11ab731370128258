#include "wire/net/secrets.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "core/base/check.h"

namespace khu::wire::net {

Sha256 sha256(std::string_view bytes) {
    Sha256 hash{};
    const int done =
        EVP_Digest(bytes.data(), bytes.size(), hash.data(), nullptr, EVP_sha256(), nullptr);
    KHU_CHECK(done == 1);
    return hash;
}

std::string sha256_hex(std::string_view bytes) {
    return hex(sha256(bytes));
}

Sha256 hmac_sha256(std::string_view key, std::string_view bytes) {
    Sha256 code{};
    unsigned length = 0;
    const unsigned char* done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     bytes.size(), code.data(), &length);
    KHU_CHECK(done != nullptr && length == code.size());
    return code;
}

std::string hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (const char c : bytes) {
        text += digits[static_cast<unsigned char>(c) >> 4];
        text += digits[static_cast<unsigned char>(c) & 15];
    }
    return text;
}

std::string random_token(std::size_t bytes) {
    std::string raw(bytes, '\0');
    const int done =
        RAND_bytes(reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(bytes));
    KHU_CHECK(done == 1);
    return hex(raw);
}

bool same_secret(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace khu::wire::net
