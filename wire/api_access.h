#pragma once

/// \file
/// Who may come in: tokens of people, certificates of agents. Part of the API (wire/api.h).

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/identity.h"
#include "wire/timestamp.h"

namespace khu::wire {

struct TokenRequest {
    std::string user;  ///< required unless join
    std::string enterprise;
    std::vector<Role> roles;  ///< empty: member
    std::int64_t valid_s{0};  ///< 0: 90 days
    bool join{false};         ///< a join token for agents instead
    std::string node;         ///< join: only for this node name; empty: any new one
    std::int64_t uid{-1}, gid{-1};
};
KHU_DESCRIBE(TokenRequest, user, enterprise, roles, valid_s, join, node, uid, gid)

struct TokenView {
    std::string id, user, enterprise, kind;  ///< kind: "user" or "join"
    std::vector<Role> roles;
    Timestamp created_at, expires_at, last_used_at;
    bool revoked{false};
};
KHU_DESCRIBE(TokenView, id, user, enterprise, kind, roles, created_at, expires_at, last_used_at,
             revoked)

struct TokenAnswer {
    TokenView token;
    std::string secret;  ///< shown once
};
KHU_DESCRIBE(TokenAnswer, token, secret)

struct TokenPage {
    std::vector<TokenView> tokens;
    std::string next;  ///< as in JobPage
};
KHU_DESCRIBE(TokenPage, tokens, next)

struct JoinRequest {
    std::string token, node;
    std::string csr_pem;
};
KHU_DESCRIBE(JoinRequest, token, node, csr_pem)

/// The node is that of the client's certificate.
struct RenewRequest {
    std::string csr_pem;
};
KHU_DESCRIBE(RenewRequest, csr_pem)

struct JoinAnswer {
    std::string certificate_pem, ca_pem, zone;
};
KHU_DESCRIBE(JoinAnswer, certificate_pem, ca_pem, zone)

struct WhoAnswer {
    std::string zone, user, enterprise, how;  ///< how: "token", "unix", "certificate"
    std::vector<Role> roles;
    std::vector<std::string> programmes;
};
KHU_DESCRIBE(WhoAnswer, zone, user, enterprise, how, roles, programmes)

}  // namespace khu::wire
