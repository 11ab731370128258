#include "wire/net/tls_context.h"

#include <openssl/pem.h>

#include <utility>

#include "wire/net/openssl_ptr.h"
#include "wire/net/secrets.h"

namespace khu::wire::net {
namespace {

Unexpected<Refusal> failed(const char* what) {
    return {Refusal(Code::CertificateFailed).with("what", what).with("why", openssl_error())};
}

SslContextPtr new_context(const SSL_METHOD* method) {
    SslContextPtr context(SSL_CTX_new(method));
    if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1) {
        return {};
    }
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context.get(), 1);  // a record's header and content in one call
    return context;
}

/// Every certificate in `pem` becomes one that is trusted.
bool trust(SSL_CTX* context, std::string_view pem) {
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    const BioPtr bio = bio_of(pem);
    int count = 0;
    for (;; ++count) {
        const CertPtr one(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
        if (one == nullptr) {
            break;
        }
        if (X509_STORE_add_cert(store, one.get()) != 1) {
            return false;
        }
    }
    ERR_clear_error();  // the end of the text is an error to the reader
    return count > 0;
}

bool present(SSL_CTX* context, const Identity& identity) {
    const BioPtr bio = bio_of(identity.certificate);
    const CertPtr leaf(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    const KeyPtr key = read_key(identity.key);
    if (leaf == nullptr || key == nullptr ||
        SSL_CTX_use_cert_and_key(context, leaf.get(), key.get(), nullptr, 1) != 1) {
        return false;
    }
    for (;;) {
        CertPtr above(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
        if (above == nullptr) {
            ERR_clear_error();
            return true;
        }
        if (SSL_CTX_add0_chain_cert(context, above.get()) != 1) {
            return false;
        }
        (void)above.release();  // the context owns it now
    }
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
    auto* owner = static_cast<TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    // A copy: OpenSSL spoils its own when the connection breaks, which is when it is needed.
    owner->keep(SSL_SESSION_dup(session));
    return 0;
}

/// Tickets are sealed with keys made from the server's private key, so that a restarted server, or
/// a second one with the same certificate, resumes the sessions of the first.
bool seal_tickets(SSL_CTX* context, std::string_view private_key) {
    std::string keys;
    for (const std::string_view use : {"khu ticket name", "khu ticket mac", "khu ticket cipher"}) {
        const Sha256 key = hmac_sha256(private_key, use);
        keys.append(reinterpret_cast<const char*>(key.data()), key.size());
    }
    const auto size = SSL_CTX_get_tlsext_ticket_keys(context, nullptr, 0);
    return size > 0 && static_cast<std::size_t>(size) <= keys.size() &&
           SSL_CTX_set_tlsext_ticket_keys(context, keys.data(), size) == 1;
}

}  // namespace

Expected<std::shared_ptr<TlsContext>, Refusal> TlsContext::server(const Identity& identity,
                                                                  std::string_view authority) {
    SslContextPtr context = new_context(TLS_server_method());
    if (context == nullptr || !present(context.get(), identity) ||
        !seal_tickets(context.get(), identity.key)) {
        return failed("use the server's certificate");
    }
    if (!trust(context.get(), authority)) {
        return failed("read the authority's certificate");
    }
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    constexpr std::string_view name = "khud";
    SSL_CTX_set_session_id_context(context.get(),
                                   reinterpret_cast<const unsigned char*>(name.data()),
                                   static_cast<unsigned>(name.size()));
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);  // tickets hold the state
    SSL_CTX_set_num_tickets(context.get(), 1);
    return std::make_shared<TlsContext>(context.release());
}

Expected<std::shared_ptr<TlsContext>, Refusal> TlsContext::client(
    std::string_view authority, const std::optional<Identity>& identity) {
    SslContextPtr context = new_context(TLS_client_method());
    if (context == nullptr || !trust(context.get(), authority)) {
        return failed("read the authority's certificate");
    }
    if (identity && !present(context.get(), *identity)) {
        return failed("use the client's certificate");
    }
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_session_cache_mode(context.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context.get(), keep_session);
    auto made = std::make_shared<TlsContext>(context.release());
    SSL_CTX_set_app_data(made->context_, made.get());
    return made;
}

TlsContext::~TlsContext() {
    SSL_SESSION_free(session_);
    SSL_CTX_free(context_);
}

ssl_st* TlsContext::connect() {
    SSL* ssl = SSL_new(context_);
    KHU_CHECK(ssl != nullptr);
    SSL_set_connect_state(ssl);
    const std::lock_guard lock(mutex_);
    const SessionPtr session(std::exchange(session_, nullptr));  // a ticket is used once
    if (session != nullptr) {
        SSL_set_session(ssl, session.get());
    }
    return ssl;
}

ssl_st* TlsContext::accept() {
    SSL* ssl = SSL_new(context_);
    KHU_CHECK(ssl != nullptr);
    SSL_set_accept_state(ssl);
    return ssl;
}

void TlsContext::keep(ssl_session_st* session) {
    const std::lock_guard lock(mutex_);
    SSL_SESSION_free(std::exchange(session_, session));
}

}  // namespace khu::wire::net
