#pragma once

/// \file
/// What all TLS connections of one server, or of one client, share. TLS 1.3 only; buffers are given
/// back while a connection is idle, so that ten thousand idle agents cost little; a client resumes
/// its last session, so that a restart of khud is not a storm of signatures.

#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "wire/net/certificates.h"

struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

namespace khu::wire::net {

class TlsContext {
public:
    /// Asks clients for a certificate without requiring one; one that `authority` has not signed is
    /// refused. Errors: CertificateFailed.
    static Expected<std::shared_ptr<TlsContext>, Refusal> server(const Identity& identity,
                                                                 std::string_view authority);
    /// Trusts servers that `authority` (PEM, one or more) has signed, and nobody else.
    static Expected<std::shared_ptr<TlsContext>, Refusal> client(
        std::string_view authority, const std::optional<Identity>& identity);

    explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    /// A new connection's state; the caller frees it.
    ssl_st* connect();
    ssl_st* accept();
    /// Keeps `session` for the next connect(); takes it over.
    void keep(ssl_session_st* session);

private:
    ssl_ctx_st* context_;
    std::mutex mutex_;
    ssl_session_st* session_{nullptr};
};

}  // namespace khu::wire::net
