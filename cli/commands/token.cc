#include "cli/commands/all.h"
#include "cli/given.h"
#include "cli/roles.h"

namespace khu::cli {
namespace {

constexpr auto kCreateOptions = std::to_array<Option>({
    {"--user", "USER", Message::HelpTokenUser},
    {"--enterprise", "ID", Message::HelpTokenEnterprise},
    {"--role", "ROLE", Message::HelpTokenRole, Takes::Many, kRoleChoices},
    {"--valid", "TIME", Message::HelpTokenValid},
    {"--uid", "N", Message::HelpTokenUid},
    {"--gid", "N", Message::HelpTokenGid},
    {"--join", "", Message::HelpTokenJoin, Takes::Nothing},
    {"--node", "NODE", Message::HelpTokenNode},
});

Expected<wire::TokenRequest, Failure> request_of(const Session& session) {
    wire::TokenRequest request;
    request.user = session.arguments.text("--user");
    request.enterprise = session.arguments.text("--enterprise");
    request.join = session.arguments.has("--join");
    request.node = session.arguments.text("--node");
    for (const std::string& role : session.arguments.all("--role")) {
        request.roles.push_back(role_of(role));
    }
    if (request.user.empty() && !request.join) {
        return Unexpected{
            usage(session.say(Message::MissingOption, {"khu token create", "--user, --join"}),
                  session.say(Message::SeeHelp, {"khu token create --help"}))};
    }
    const Expected<Span, Failure> valid = given_duration(session, "--valid");
    if (!valid) {
        return Unexpected{valid.error()};
    }
    request.valid_s = whole_seconds_up(*valid);
    const Expected<std::int64_t, Failure> uid = given_number(session, "--uid", -1);
    const Expected<std::int64_t, Failure> gid = given_number(session, "--gid", -1);
    if (!uid || !gid) {
        return Unexpected{uid ? gid.error() : uid.error()};
    }
    request.uid = *uid;
    request.gid = *gid;
    return request;
}

/// The secret alone goes to standard output, so that it can go straight into a file.
Result create(Session& session) {
    const Expected<wire::TokenRequest, Failure> request = request_of(session);
    if (!request) {
        return Unexpected{request.error()};
    }
    const Expected<Received<wire::TokenAnswer>, Failure> made =
        session.post<wire::TokenAnswer>("/v1/tokens", encode(*request));
    if (!made) {
        return Unexpected{made.error()};
    }
    if (session.format == Format::Json) {
        session.present({}, made->body);
        return 0;
    }
    const wire::TokenView& token = made->answer.token;
    session.note(
        session.say(Message::TokenMade, {token.id, token.user.empty() ? token.kind : token.user,
                                         session.when(token.expires_at).shown}));
    session.print(made->answer.secret + "\n");
    return 0;
}

Result list(Session& session) {
    const Expected<Received<wire::TokenPage>, Failure> page =
        session.get_all("/v1/tokens", &wire::TokenPage::tokens);
    if (!page) {
        return Unexpected{page.error()};
    }
    Table table{.columns = {{"TOKEN", "token"},
                            {"KIND", "kind"},
                            {"USER", "user", Align::Left, true},
                            {"ENTERPRISE", "enterprise", Align::Left, true},
                            {"ROLES", "roles", Align::Left, true},
                            {"CREATED", "created_at", Align::Left, false, true},
                            {"EXPIRES", "expires_at"},
                            {"LAST USED", "last_used_at", Align::Left, false, true},
                            {"REVOKED", "revoked"}},
                .rows = {}};
    for (const wire::TokenView& token : page->answer.tokens) {
        const std::string revoked = session.say(token.revoked ? Message::Yes : Message::No);
        table.rows.push_back({token.id,
                              token.kind,
                              token.user,
                              token.enterprise,
                              roles_text(token.roles),
                              session.when(token.created_at),
                              session.when(token.expires_at),
                              session.when(token.last_used_at),
                              {revoked, token.revoked ? "true" : "false"}});
    }
    session.present(table, page->body);
    return 0;
}

Result revoke(Session& session) {
    Expected<Connection*, Failure> khud = session.zone();
    if (!khud) {
        return Unexpected{std::move(khud).error()};
    }
    const Expected<std::string, Failure> done =
        (*khud)->remove("/v1/tokens/" + wire::net::percent_encode(session.operand()));
    if (!done) {
        return Unexpected{done.error()};
    }
    session.print(session.say(Message::TokenRevoked, {session.operand()}) + "\n");
    return 0;
}

}  // namespace

constinit const Command kTokenCreate{.name = "token create",
                                     .operands = "",
                                     .help = Message::HelpTokenCreate,
                                     .options = {kCreateOptions},
                                     .reads = true,
                                     .refused = Message::Refused,
                                     .run = create};
constinit const Command kTokenList{.name = "token list",
                                   .operands = "",
                                   .help = Message::HelpTokenList,
                                   .options = {},
                                   .reads = true,
                                   .refused = Message::Refused,
                                   .run = list};
constinit const Command kTokenRevoke{.name = "token revoke",
                                     .operands = "TOKEN",
                                     .help = Message::HelpTokenRevoke,
                                     .options = {},
                                     .refused = Message::Refused,
                                     .run = revoke};

}  // namespace khu::cli
