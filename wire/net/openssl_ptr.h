#pragma once

/// \file
/// Owners of OpenSSL's objects, and its queue of errors as text. Only for .cc files.

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace khu::wire::net {

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
template <class T, auto Free>
using OpensslPtr = std::unique_ptr<T, Freed<Free>>;

using KeyPtr = OpensslPtr<EVP_PKEY, EVP_PKEY_free>;
using CertPtr = OpensslPtr<X509, X509_free>;
using RequestPtr = OpensslPtr<X509_REQ, X509_REQ_free>;
using BioPtr = OpensslPtr<BIO, BIO_free_all>;
using ExtensionPtr = OpensslPtr<X509_EXTENSION, X509_EXTENSION_free>;
using SslPtr = OpensslPtr<SSL, SSL_free>;
using SslContextPtr = OpensslPtr<SSL_CTX, SSL_CTX_free>;
using SessionPtr = OpensslPtr<SSL_SESSION, SSL_SESSION_free>;

inline BioPtr bio_of(std::string_view text) {
    return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// The oldest error in this thread's queue, which is emptied.
inline std::string openssl_error() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    if (code == 0) {
        return "unknown";
    }
    const char* reason = ERR_reason_error_string(code);
    std::array<char, 256> text{};
    ERR_error_string_n(code, text.data(), text.size());
    return reason != nullptr ? reason : text.data();
}

inline CertPtr read_certificate(std::string_view pem) {
    const BioPtr bio = bio_of(pem);
    return CertPtr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}
/// Keys are never encrypted: an empty password instead of a prompt on the terminal.
inline KeyPtr read_key(std::string_view pem) {
    const BioPtr bio = bio_of(pem);
    return KeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, const_cast<char*>("")));
}

/// The common name of a subject; empty if it has none or more than one, or a NUL inside.
inline std::string common_name(X509* certificate) {
    X509_NAME* name = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0) {
        return {};
    }
    const ASN1_STRING* data = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    unsigned char* utf8 = nullptr;
    const int length = ASN1_STRING_to_UTF8(&utf8, data);
    const OpensslPtr<unsigned char, [](unsigned char* p) { OPENSSL_free(p); }> owner(utf8);
    if (length < 0) {
        return {};
    }
    std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(length));
    return text.find('\0') == std::string::npos ? text : std::string{};
}

}  // namespace khu::wire::net
