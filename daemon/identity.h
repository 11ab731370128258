#pragma once

/// \file
/// Who asks: tokens (only their hashes are kept), peers of the Unix socket, and join tokens with
/// which a new machine gets its client certificate. Identity comes from the channel alone.
///
/// A token reads khu_<id>_<secret>. Local root, and the account that khud runs as, are zone admins;
/// any other local account is the user whose token was made for its uid.

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/expected.h"
#include "core/base/identity.h"
#include "core/base/refusal.h"
#include "daemon/store/store.h"
#include "wire/api.h"
#include "wire/net/http.h"

namespace khu::daemon {

/// What is stored of a token beside its secret's hash; times are integers, as in all that is
/// stored.
struct TokenFacts {
    std::string id, user, enterprise, kind;  ///< kind: "user" or "join"
    std::vector<Role> roles;
    Moment created_at, expires_at, last_used_at;
    bool revoked{false};
};
KHU_DESCRIBE(TokenFacts, id, user, enterprise, kind, roles, created_at, expires_at, last_used_at,
             revoked)

wire::TokenView token_view(const TokenFacts& facts);

struct TokenRecord {
    TokenFacts view;
    std::string hash;  ///< SHA-256 of the secret, hexadecimal
    std::string node;  ///< join tokens: only for this node; empty: any new one
    std::int64_t uid{-1};
    std::int64_t gid{-1};
};
KHU_DESCRIBE(TokenRecord, view, hash, node, uid, gid)

struct Caller {
    Identity who;
    std::string how;  ///< "token", "unix"
};

class IdentityBook {
public:
    /// Reads the tokens. Errors: those of the store.
    static Expected<Done, Refusal> load(Store& store, IdentityBook& into);

    /// Errors: N401, N402.
    Expected<Caller, Refusal> identify(const wire::net::Request& request, Moment now) const;
    /// Claims nothing of the caller. Errors: N401, N402, D504 if the token is for another node.
    Expected<Done, Refusal> may_join(const std::string& token, const std::string& node,
                                     Moment now) const;

    /// A new token, not yet known: store `row`, then put `record`.
    struct Made {
        TokenRecord record;
        std::string secret;
        KeyValue row;
    };
    static Made make(const wire::TokenRequest& request, Moment now);
    static KeyValue row_of(const TokenRecord& record);
    void put(TokenRecord record);
    [[nodiscard]] std::optional<TokenRecord> find(const std::string& id) const;
    /// Those after the id `after`, by id, at most `limit`.
    [[nodiscard]] std::vector<wire::TokenView> list(const std::string& after,
                                                    std::int64_t limit) const;
    [[nodiscard]] bool empty() const;

private:
    Expected<TokenRecord, Refusal> check(std::string_view token, Moment now) const;
    [[nodiscard]] std::optional<TokenRecord> of_uid(std::int64_t uid) const;

    mutable std::mutex mutex_;
    std::map<std::string, TokenRecord> tokens_;
};

}  // namespace khu::daemon
