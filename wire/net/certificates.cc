#include "wire/net/certificates.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <ctime>

#include "wire/net/openssl_ptr.h"
#include "wire/net/secrets.h"

namespace khu::wire::net {
namespace {

constexpr Span kSlack = days(1);
constexpr Span kAuthorityLife = days(3653);

Unexpected<Refusal> failed(std::string_view what) {
    return {Refusal(Code::CertificateFailed)
                .with("what", std::string(what))
                .with("why", openssl_error())};
}

KeyPtr new_key() {
    return KeyPtr(EVP_EC_gen("P-256"));
}

template <class Write>
std::string to_pem(Write write) {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    if (bio == nullptr || write(bio.get()) != 1) {
        return {};
    }
    char* data = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(length)};
}

std::string pem_of(X509* certificate) {
    return to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}
std::string pem_of(EVP_PKEY* key) {
    return to_pem([&](BIO* bio) {
        return PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    });
}

bool set_common_name(X509_NAME* name, std::string_view text) {
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
}

bool set_time(ASN1_TIME* field, Moment at) {
    return ASN1_TIME_set(field, static_cast<std::time_t>(at.value / 1000)) != nullptr;
}

/// 127 random bits: unique without a counter to keep.
bool set_serial(X509* certificate) {
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        return false;
    }
    bytes[0] &= 0x7f;
    const OpensslPtr<BIGNUM, BN_free> number(
        BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    return BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
    return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool is_address(const std::string& text) {
    std::array<unsigned char, 16> address{};
    return inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
           inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

/// Whether `name` may stand in a list of names: a comma or a colon would add others to it.
bool is_host_name(std::string_view name) {
    constexpr std::string_view good =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    return !name.empty() && name.find_first_not_of(good) == std::string_view::npos;
}

/// What a certificate is to say, apart from its key.
struct Wish {
    std::string subject;
    Moment now;
    Span life;
    std::vector<std::pair<int, std::string>> extensions;
};

/// `issuer` null: signed by itself.
CertPtr issue(EVP_PKEY* key, const Wish& wish, X509* issuer, EVP_PKEY* issuer_key) {
    CertPtr certificate(X509_new());
    X509* made = certificate.get();
    X509* signer = issuer == nullptr ? made : issuer;
    bool good = made != nullptr && X509_set_version(made, 2) == 1 && set_serial(made) &&
                set_common_name(X509_get_subject_name(made), wish.subject) &&
                X509_set_issuer_name(made, X509_get_subject_name(signer)) == 1 &&
                set_time(X509_getm_notBefore(made), wish.now - kSlack) &&
                set_time(X509_getm_notAfter(made), wish.now + wish.life) &&
                X509_set_pubkey(made, key) == 1;
    for (const auto& [kind, value] : wish.extensions) {
        good = good && add_extension(made, signer, kind, value);
    }
    good = good && X509_sign(made, issuer_key, EVP_sha256()) != 0;
    return good ? std::move(certificate) : CertPtr{};
}

std::vector<std::pair<int, std::string>> leaf_extensions(const std::string& usage) {
    return {{NID_basic_constraints, "critical,CA:FALSE"},
            {NID_key_usage, "critical,digitalSignature"},
            {NID_ext_key_usage, usage},
            {NID_subject_key_identifier, "hash"},
            {NID_authority_key_identifier, "keyid:always"}};
}

Wish node_wish(const NodeName& node, Moment now, Span life) {
    return {.subject = "node:" + node.value,
            .now = now,
            .life = life,
            .extensions = leaf_extensions("clientAuth")};
}

Expected<std::string, Refusal> issue_leaf(const Identity& authority, EVP_PKEY* key,
                                          const Wish& wish) {
    const CertPtr issuer = read_certificate(authority.certificate);
    const KeyPtr issuer_key = read_key(authority.key);
    if (issuer == nullptr || issuer_key == nullptr) {
        return failed("read the authority");
    }
    const CertPtr made = issue(key, wish, issuer.get(), issuer_key.get());
    if (made == nullptr) {
        return failed("issue for " + wish.subject);
    }
    return pem_of(made.get());
}

Expected<Identity, Refusal> issue_with_new_key(const Identity& authority, const Wish& wish) {
    const KeyPtr key = new_key();
    if (key == nullptr) {
        return failed("make a key");
    }
    Expected<std::string, Refusal> certificate = issue_leaf(authority, key.get(), wish);
    if (!certificate) {
        return Unexpected{std::move(certificate).error()};
    }
    return Identity{.certificate = *std::move(certificate), .key = pem_of(key.get())};
}

Moment moment_of(const ASN1_TIME* time) {
    std::tm broken{};
    ASN1_TIME_to_tm(time, &broken);
    return Moment{static_cast<std::int64_t>(timegm(&broken)) * 1000};
}

}  // namespace

Expected<Identity, Refusal> make_authority(std::string_view zone, Moment now) {
    const KeyPtr key = new_key();
    const Wish wish{.subject = fmt::format("khu zone {}", zone).substr(0, 64),
                    .now = now,
                    .life = kAuthorityLife,
                    .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                   {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                   {NID_subject_key_identifier, "hash"}}};
    const CertPtr made = key ? issue(key.get(), wish, nullptr, key.get()) : CertPtr{};
    if (made == nullptr) {
        return failed("make an authority");
    }
    return Identity{.certificate = pem_of(made.get()), .key = pem_of(key.get())};
}

Expected<Identity, Refusal> issue_server(const Identity& authority,
                                         const std::vector<std::string>& names, Moment now,
                                         Span life) {
    std::string all = fmt::format("DNS:{}", kServerName);
    for (const std::string& name : names) {
        if (!is_address(name) && !is_host_name(name)) {
            return Unexpected{Refusal(Code::CertificateFailed)
                                  .with("what", "name the server")
                                  .with("why", fmt::format("\"{}\" is no host name", name))};
        }
        all += fmt::format(",{}:{}", is_address(name) ? "IP" : "DNS", name);
    }
    Wish wish{
        .subject = "khud", .now = now, .life = life, .extensions = leaf_extensions("serverAuth")};
    wish.extensions.emplace_back(NID_subject_alt_name, all);
    return issue_with_new_key(authority, wish);
}

Expected<Identity, Refusal> issue_node(const Identity& authority, const NodeName& node, Moment now,
                                       Span life) {
    return issue_with_new_key(authority, node_wish(node, now, life));
}

Expected<Identity, Refusal> make_request(const NodeName& node) {
    const KeyPtr key = new_key();
    if (key == nullptr) {
        return failed("make a key");
    }
    std::string pem = pem_of(key.get());
    auto request = make_request_again(node, pem);
    if (!request) {
        return Unexpected{std::move(request).error()};
    }
    return Identity{.certificate = *std::move(request), .key = std::move(pem)};
}

Expected<std::string, Refusal> make_request_again(const NodeName& node, std::string_view pem) {
    const KeyPtr key = read_key(pem);
    const RequestPtr request(X509_REQ_new());
    const bool good =
        key != nullptr && request != nullptr &&
        set_common_name(X509_REQ_get_subject_name(request.get()), "node:" + node.value) &&
        X509_REQ_set_pubkey(request.get(), key.get()) == 1 &&
        X509_REQ_sign(request.get(), key.get(), EVP_sha256()) != 0;
    if (!good) {
        return failed("make a request");
    }
    return to_pem([&](BIO* bio) { return PEM_write_bio_X509_REQ(bio, request.get()); });
}

Expected<std::string, Refusal> sign_request(const Identity& authority, std::string_view request,
                                            const NodeName& node, Moment now, Span life) {
    const BioPtr bio = bio_of(request);
    const RequestPtr asked(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
    if (asked == nullptr) {
        return failed("read the request");
    }
    EVP_PKEY* key = X509_REQ_get0_pubkey(asked.get());
    if (key == nullptr || X509_REQ_verify(asked.get(), key) != 1) {
        return failed("verify the request");
    }
    if (EVP_PKEY_get_security_bits(key) < 112) {
        return Unexpected{Refusal(Code::CertificateFailed)
                              .with("what", "sign the request")
                              .with("why", "its key is too weak")};
    }
    return issue_leaf(authority, key, node_wish(node, now, life));
}

Expected<CertificateFacts, Refusal> inspect(std::string_view pem) {
    const CertPtr certificate = read_certificate(pem);
    if (certificate == nullptr) {
        return failed("read a certificate");
    }
    Sha256 hash{};
    unsigned length = 0;
    if (X509_digest(certificate.get(), EVP_sha256(), hash.data(), &length) != 1) {
        return failed("hash a certificate");
    }
    return CertificateFacts{.subject = common_name(certificate.get()),
                            .not_before = moment_of(X509_get0_notBefore(certificate.get())),
                            .not_after = moment_of(X509_get0_notAfter(certificate.get())),
                            .fingerprint = hex(hash)};
}

Moment renew_at(const CertificateFacts& certificate) {
    const Span life = certificate.not_after - certificate.not_before - kSlack;
    return certificate.not_after - Span{std::max<std::int64_t>(life.value, 0) / 3};
}

std::string_view node_of_subject(std::string_view subject) {
    constexpr std::string_view prefix = "node:";
    return subject.starts_with(prefix) ? subject.substr(prefix.size()) : std::string_view{};
}

}  // namespace khu::wire::net
