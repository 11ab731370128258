#include "cli/commands/all.h"
#include "cli/given.h"
#include "cli/views.h"

namespace khu::cli {
namespace {

constexpr auto kApproveOptions = std::to_array<Option>({
    {"--enterprise", "ID", Message::HelpOfEnterprise},
    {"--programme", "NAME", Message::HelpProgramme},
    {"--amount", "HOURS", Message::HelpGrantAmount},
    {"--from", "DATE", Message::HelpGrantFrom},
    {"--to", "DATE", Message::HelpGrantTo},
    {"--decision", "REF", Message::HelpDecision},
});
constexpr auto kExtendOptions = std::to_array<Option>({
    {"--add", "HOURS", Message::HelpGrantAdd},
    {"--to", "DATE", Message::HelpGrantTo},
    {"--decision", "REF", Message::HelpDecision},
    {"--reason", "TEXT", Message::HelpReason},
});
constexpr auto kReasonOptions = std::to_array<Option>({
    {"--reason", "TEXT", Message::HelpReason},
    {"--decision", "REF", Message::HelpDecision},
});

Result list(Session& session) {
    const Expected<Received<wire::GrantPage>, Failure> page =
        session.get_all("/v1/grants", &wire::GrantPage::grants);
    if (!page) {
        return Unexpected{page.error()};
    }
    session.present(grant_table(session, page->answer.grants), page->body);
    return 0;
}

/// Shows the grant as it is now.
Result show(Session& session, const Expected<Received<wire::GrantView>, Failure>& grant) {
    if (!grant) {
        return Unexpected{grant.error()};
    }
    session.present(grant_table(session, {grant->answer}), grant->body);
    return 0;
}

Result approve(Session& session) {
    for (const char* needed : {"--enterprise", "--programme", "--amount", "--to"}) {
        if (!session.arguments.has(needed)) {
            return Unexpected{
                usage(session.say(Message::MissingOption, {"khu grant approve", needed}),
                      session.say(Message::SeeHelp, {"khu grant approve --help"}))};
        }
    }
    const Expected<Atoms, Failure> amount = given_gpu_hours(session, "--amount");
    const Expected<Moment, Failure> from = given_moment(session, "--from");
    const Expected<Moment, Failure> to = given_moment(session, "--to");
    if (!amount) {
        return Unexpected{amount.error()};
    }
    if (!from || !to) {
        return Unexpected{from ? to.error() : from.error()};
    }
    const wire::GrantRequest request{.grant = session.operand(),
                                     .enterprise = session.arguments.text("--enterprise"),
                                     .programme = session.arguments.text("--programme"),
                                     .decision_ref = session.arguments.text("--decision"),
                                     .amount_ugs = *amount,
                                     .from_at = *from == Moment{0} ? wall_now() : *from,
                                     .to_at = *to};
    return show(session, session.post<wire::GrantView>("/v1/grants", encode(request)));
}

Result change(Session& session, std::string_view verb) {
    const Expected<Atoms, Failure> add = given_gpu_hours(session, "--add");
    const Expected<Moment, Failure> to = given_moment(session, "--to");
    if (!add || !to) {
        return Unexpected{add ? to.error() : add.error()};
    }
    const wire::GrantChange request{.add_ugs = *add,
                                    .to_at = *to,
                                    .reason = session.arguments.text("--reason"),
                                    .decision_ref = session.arguments.text("--decision")};
    const std::string target =
        "/v1/grants/" + wire::net::percent_encode(session.operand()) + std::string(verb);
    return show(session, session.post<wire::GrantView>(target, encode(request)));
}

Result extend(Session& session) {
    if (!session.arguments.has("--add") && !session.arguments.has("--to")) {
        return Unexpected{
            usage(session.say(Message::MissingOption, {"khu grant extend", "--add, --to"}),
                  session.say(Message::SeeHelp, {"khu grant extend --help"}))};
    }
    return change(session, "/extend");
}
Result suspend(Session& session) {
    return change(session, "/suspend");
}
Result resume(Session& session) {
    return change(session, "/resume");
}
Result close(Session& session) {
    return change(session, "/close");
}

}  // namespace

constinit const Command kGrantList{.name = "grant list",
                                   .operands = "",
                                   .help = Message::HelpGrantList,
                                   .options = {},
                                   .reads = true,
                                   .refused = Message::Refused,
                                   .run = list};
constinit const Command kGrantApprove{.name = "grant approve",
                                      .operands = "GRANT",
                                      .help = Message::HelpGrantApprove,
                                      .options = {kApproveOptions},
                                      .reads = true,
                                      .refused = Message::Refused,
                                      .run = approve};
constinit const Command kGrantExtend{.name = "grant extend",
                                     .operands = "GRANT",
                                     .help = Message::HelpGrantExtend,
                                     .options = {kExtendOptions},
                                     .reads = true,
                                     .refused = Message::Refused,
                                     .run = extend};
constinit const Command kGrantSuspend{.name = "grant suspend",
                                      .operands = "GRANT",
                                      .help = Message::HelpGrantSuspend,
                                      .options = {kReasonOptions},
                                      .reads = true,
                                      .refused = Message::Refused,
                                      .run = suspend};
constinit const Command kGrantResume{.name = "grant resume",
                                     .operands = "GRANT",
                                     .help = Message::HelpGrantResume,
                                     .options = {kReasonOptions},
                                     .reads = true,
                                     .refused = Message::Refused,
                                     .run = resume};
constinit const Command kGrantClose{.name = "grant close",
                                    .operands = "GRANT",
                                    .help = Message::HelpGrantClose,
                                    .options = {kReasonOptions},
                                    .reads = true,
                                    .refused = Message::Refused,
                                    .run = close};

}  // namespace khu::cli
