#include "cli/commands/all.h"
#include "cli/given.h"
#include "cli/views.h"
#include "wire/net/http.h"

namespace khu::cli {
namespace {

constexpr auto kCapOptions = std::to_array<Option>({
    {"--grant", "ID", Message::HelpProjectGrant},
    {"--amount", "HOURS", Message::HelpProjectAmount},
    {"--lift", "", Message::HelpProjectLift, Takes::Nothing},
});

Table project_table(const Session& session, const std::vector<wire::GrantView>& grants) {
    Table table{.columns = {{"GRANT", "grant"},
                            {"PROJECT", "project"},
                            {"CAP", "cap_ugs", Align::Right},
                            {"SPENT", "spent_ugs", Align::Right},
                            {"HELD", "held_ugs", Align::Right},
                            {"LEFT", "left_ugs", Align::Right},
                            {"SET BY", "set_by", Align::Left, true},
                            {"SET", "set_at", Align::Left, true}},
                .rows = {}};
    for (const wire::GrantView& grant : grants) {
        for (const wire::ProjectView& one : grant.projects) {
            const Atoms left = one.cap_ugs - one.spent_ugs - one.held_ugs;
            table.rows.push_back(
                {grant.grant.value, one.project, gpu_hours_cell(one.cap_ugs),
                 gpu_hours_cell(one.spent_ugs), gpu_hours_cell(one.held_ugs),
                 gpu_hours_cell(std::min(std::max(left, Atoms{0}), Atoms{grant.free_ugs})),
                 one.set_by, session.when(one.set_at)});
        }
    }
    return table;
}

Result list(Session& session) {
    const Expected<Received<wire::GrantPage>, Failure> page =
        session.get_all("/v1/grants", &wire::GrantPage::grants);
    if (!page) {
        return Unexpected{page.error()};
    }
    session.present(project_table(session, page->answer.grants), page->body);
    return 0;
}

Result cap(Session& session) {
    const std::string grant = session.arguments.text("--grant");
    const bool lift = session.arguments.has("--lift");
    if (grant.empty() || lift == session.arguments.has("--amount")) {
        return Unexpected{usage(
            session.say(Message::MissingOption, {"khu project cap", "--grant, --amount | --lift"}),
            session.say(Message::SeeHelp, {"khu project cap --help"}))};
    }
    const Expected<Atoms, Failure> amount = given_gpu_hours(session, "--amount");
    if (!amount) {
        return Unexpected{amount.error()};
    }
    wire::ProjectCapRequest request;
    request.cap_ugs = *amount;
    request.lift = lift;
    const Expected<Received<wire::GrantView>, Failure> got = session.post<wire::GrantView>(
        "/v1/grants/" + wire::net::percent_encode(grant) + "/projects/" +
            wire::net::percent_encode(session.operand()),
        encode(request));
    if (!got) {
        return Unexpected{got.error()};
    }
    session.present(project_table(session, {got->answer}), got->body);
    return 0;
}

}  // namespace

constinit const Command kProjectCap{.name = "project cap",
                                    .operands = "PROJECT",
                                    .help = Message::HelpProjectCap,
                                    .options = {kCapOptions},
                                    .reads = true,
                                    .refused = Message::Refused,
                                    .run = cap};
constinit const Command kProjectList{.name = "project list",
                                     .operands = "",
                                     .help = Message::HelpProjectList,
                                     .options = {},
                                     .reads = true,
                                     .refused = Message::Refused,
                                     .run = list};

}  // namespace khu::cli
