#include "daemon/identity.h"

#include <unistd.h>

#include "wire/json.h"
#include "wire/net/secrets.h"

namespace khu::daemon {
namespace {

constexpr Span kTokenValid = days(90);

Identity identity_of(const TokenRecord& record) {
    return {.user = UserId{record.view.user},
            .enterprise = EnterpriseId{record.view.enterprise},
            .roles = {record.view.roles.begin(), record.view.roles.end()},
            .uid = record.uid,
            .gid = record.gid};
}

}  // namespace

wire::TokenView token_view(const TokenFacts& facts) {
    wire::TokenView view;
    view.id = facts.id;
    view.user = facts.user;
    view.enterprise = facts.enterprise;
    view.kind = facts.kind;
    view.roles = facts.roles;
    view.created_at = facts.created_at;
    view.expires_at = facts.expires_at;
    view.last_used_at = facts.last_used_at;
    view.revoked = facts.revoked;
    return view;
}

Expected<Done, Refusal> IdentityBook::load(Store& store, IdentityBook& into) {
    auto rows = store.values("token");
    if (!rows) {
        return Unexpected{std::move(rows).error()};
    }
    for (const KeyValue& row : *rows) {
        auto record =
            wire::from_json_text<TokenRecord>(row.value.value_or("{}"), wire::Unknown::Ignore);
        if (!record) {
            return Unexpected{Refusal(Code::StateDamaged)
                                  .with("path", "token " + row.key)
                                  .with("why", record.error().why)};
        }
        into.put(std::move(record).value());
    }
    return Done{};
}

Expected<Caller, Refusal> IdentityBook::identify(const wire::net::Request& request,
                                                 Moment now) const {
    constexpr std::string_view bearer = "Bearer ";
    const std::string_view authorization = request.header("Authorization");
    if (authorization.starts_with(bearer)) {
        const auto record = check(authorization.substr(bearer.size()), now);
        if (!record) {
            return Unexpected{record.error()};
        }
        if (record->view.kind != "user") {
            return Unexpected{Refusal(Code::NotAuthenticated)};
        }
        return Caller{identity_of(*record), "token"};
    }
    if (!request.peer.local) {
        return Unexpected{Refusal(Code::NotAuthenticated)};
    }
    const std::int64_t uid = request.peer.local->uid;
    if (uid == 0 || uid == static_cast<std::int64_t>(::geteuid())) {
        Identity admin{.user = UserId{uid == 0 ? "root" : "admin"},
                       .enterprise = {},
                       .roles = {Role::ZoneAdmin}};
        return Caller{std::move(admin), "unix"};
    }
    if (const std::optional<TokenRecord> record = of_uid(uid)) {
        return Caller{identity_of(*record), "unix"};
    }
    return Unexpected{Refusal(Code::NotAuthenticated)};
}

Expected<TokenRecord, Refusal> IdentityBook::check(std::string_view token, Moment now) const {
    const std::size_t first = token.find('_');
    const std::size_t second = first == token.npos ? first : token.find('_', first + 1);
    if (second == std::string_view::npos || token.substr(0, first) != "khu") {
        return Unexpected{Refusal(Code::NotAuthenticated)};
    }
    const std::string id(token.substr(first + 1, second - first - 1));
    const std::optional<TokenRecord> record = find(id);
    const std::string hash = wire::net::sha256_hex(token.substr(second + 1));
    if (!record || record->view.revoked || !wire::net::same_secret(hash, record->hash)) {
        return Unexpected{Refusal(Code::NotAuthenticated)};
    }
    if (record->view.expires_at <= now) {
        return Unexpected{Refusal(Code::TokenExpired)
                              .with("token", id)
                              .with("ended_at", record->view.expires_at.value)};
    }
    return *record;
}

Expected<Done, Refusal> IdentityBook::may_join(const std::string& token, const std::string& node,
                                               Moment now) const {
    const auto record = check(token, now);
    if (!record) {
        return Unexpected{record.error()};
    }
    if (record->view.kind != "join") {
        return Unexpected{Refusal(Code::NotAuthenticated)};
    }
    if (!record->node.empty() && record->node != node) {
        return Unexpected{Refusal(Code::BadCertificate)
                              .with("subject", "node " + record->node)
                              .with("node", node)};
    }
    return Done{};
}

IdentityBook::Made IdentityBook::make(const wire::TokenRequest& request, Moment now) {
    Made made;
    const std::string id = wire::net::sha256_hex(wire::net::random_token()).substr(0, 12);
    const std::string secret = wire::net::random_token();
    TokenRecord& record = made.record;
    record.view.id = id;
    record.view.user = request.user;
    record.view.enterprise = request.enterprise;
    record.view.kind = request.join ? "join" : "user";
    record.view.roles = request.roles;
    if (record.view.roles.empty() && !request.join) {
        record.view.roles = {Role::Member};
    }
    record.view.created_at = now;
    record.view.expires_at = now + (request.valid_s > 0 ? seconds(request.valid_s) : kTokenValid);
    record.hash = wire::net::sha256_hex(secret);
    record.node = request.node;
    record.uid = request.uid;
    record.gid = request.gid;
    made.secret = "khu_" + id + "_" + secret;
    made.row = row_of(record);
    return made;
}

KeyValue IdentityBook::row_of(const TokenRecord& record) {
    return {.space = "token", .key = record.view.id, .value = wire::to_json_text(record)};
}

void IdentityBook::put(TokenRecord record) {
    const std::lock_guard lock(mutex_);
    const std::string id = record.view.id;
    tokens_.insert_or_assign(id, std::move(record));
}

std::optional<TokenRecord> IdentityBook::find(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = tokens_.find(id);
    return found == tokens_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<TokenRecord> IdentityBook::of_uid(std::int64_t uid) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, record] : tokens_) {
        if (record.uid == uid && record.view.kind == "user" && !record.view.revoked) {
            return record;
        }
    }
    return std::nullopt;
}

std::vector<wire::TokenView> IdentityBook::list(const std::string& after,
                                                std::int64_t limit) const {
    const std::lock_guard lock(mutex_);
    std::vector<wire::TokenView> views;
    for (auto at = tokens_.upper_bound(after);
         at != tokens_.end() && static_cast<std::int64_t>(views.size()) < limit; ++at) {
        views.push_back(token_view(at->second.view));
    }
    return views;
}

bool IdentityBook::empty() const {
    const std::lock_guard lock(mutex_);
    return tokens_.empty();
}

}  // namespace khu::daemon
