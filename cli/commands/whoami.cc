#include "cli/commands/all.h"
#include "cli/roles.h"

namespace khu::cli {
namespace {

std::string joined(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) {
        out += (out.empty() ? "" : ",") + part;
    }
    return out;
}

Result run(Session& session) {
    const Expected<Received<wire::WhoAnswer>, Failure> who =
        session.get<wire::WhoAnswer>("/v1/whoami");
    if (!who) {
        return Unexpected{who.error()};
    }
    const wire::WhoAnswer& answer = who->answer;
    const Table table{.columns = {{"Zone", "zone"},
                                  {"User", "user"},
                                  {"Enterprise", "enterprise"},
                                  {"Roles", "roles"},
                                  {"Programmes", "programmes"},
                                  {"Known by", "how"}},
                      .rows = {{answer.zone, answer.user, answer.enterprise,
                                roles_text(answer.roles), joined(answer.programmes), answer.how}}};
    session.present_sheet(table, who->body);
    return 0;
}

}  // namespace

constinit const Command kWhoami{.name = "whoami",
                                .operands = "",
                                .help = Message::HelpWhoami,
                                .options = {},
                                .reads = true,
                                .refused = Message::Refused,
                                .run = run};

}  // namespace khu::cli
