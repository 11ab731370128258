#include "cli/commands/all.h"
#include "cli/given.h"
#include "cli/views.h"
#include "core/base/limits.h"

namespace khu::cli {
namespace {

constexpr auto kListOptions = std::to_array<Option>({
    {"--requests", "", Message::HelpRequests, Takes::Nothing},
    {"--voucher", "NUMBER", Message::HelpOfVoucher},
});
constexpr auto kApproveOptions = std::to_array<Option>({
    {"--enterprise", "ID", Message::HelpOfEnterprise},
    {"--programme", "NAME", Message::HelpProgramme},
    {"--amount", "HOURS", Message::HelpGrantAmount},
    {"--from", "DATE", Message::HelpGrantFrom},
    {"--to", "DATE", Message::HelpGrantTo},
    {"--decision", "REF", Message::HelpDecision},
    {"--permit", "REF", Message::HelpPermit},
    {"--voucher", "NUMBER", Message::HelpVoucher},
    {"--grant", "ID", Message::HelpGrantId},
    {"--reason", "TEXT", Message::HelpReason},
});
constexpr auto kRequestOptions = std::to_array<Option>({
    {"--programme", "NAME", Message::HelpProgramme},
    {"--amount", "HOURS", Message::HelpGrantAmount},
    {"--from", "DATE", Message::HelpGrantFrom},
    {"--to", "DATE", Message::HelpGrantTo},
    {"--purpose", "TEXT", Message::HelpPurpose},
    {"--permit", "REF", Message::HelpPermit},
    {"--enterprise", "ID", Message::HelpOfEnterprise},
});
constexpr auto kExtendOptions = std::to_array<Option>({
    {"--add", "HOURS", Message::HelpGrantAdd},
    {"--to", "DATE", Message::HelpGrantTo},
    {"--decision", "REF", Message::HelpDecision},
    {"--reason", "TEXT", Message::HelpReason},
});
constexpr auto kAdvanceOptions = std::to_array<Option>({
    {"--add", "HOURS", Message::HelpGrantAdd},
});
constexpr auto kReasonOptions = std::to_array<Option>({
    {"--reason", "TEXT", Message::HelpReason},
    {"--decision", "REF", Message::HelpDecision},
});

Table request_table(const Session& session, const std::vector<wire::GrantRequestView>& requests) {
    Table table{.columns = {{"REQUEST", "request"},
                            {"ENTERPRISE", "enterprise", Align::Left, true},
                            {"PROGRAMME", "programme", Align::Left, true},
                            {"STATE", "state"},
                            {"AMOUNT", "amount_ugs", Align::Right},
                            {"FROM", "from_at", Align::Left, false, true},
                            {"TO", "to_at"},
                            {"ASKED", "asked_at"},
                            {"BY", "asked_by", Align::Left, true},
                            {"PURPOSE", "purpose", Align::Left, true},
                            {"DECIDED", "decided_at", Align::Left, false, true},
                            {"DECIDED BY", "decided_by", Align::Left, false, true},
                            {"DECISION", "decision_ref", Align::Left, false, true},
                            {"GRANT", "grant", Align::Left, true},
                            {"REASON", "reason", Align::Left, true}},
                .rows = {}};
    for (const wire::GrantRequestView& one : requests) {
        table.rows.push_back({one.request, one.enterprise, one.programme, one.state,
                              gpu_hours_cell(one.amount_ugs), session.when(one.from_at),
                              session.when(one.to_at), session.when(one.asked_at), one.asked_by,
                              one.purpose, session.when(one.decided_at), one.decided_by,
                              one.decision_ref, one.grant, one.reason});
    }
    return table;
}

Result list_requests(Session& session) {
    const Expected<Received<wire::GrantRequestPage>, Failure> page =
        session.get<wire::GrantRequestPage>("/v1/grants/requests");
    if (!page) {
        return Unexpected{page.error()};
    }
    session.present(request_table(session, page->answer.requests), page->body);
    return 0;
}

Result list(Session& session) {
    if (session.arguments.has("--requests")) {
        return list_requests(session);
    }
    const Expected<Received<wire::GrantPage>, Failure> page =
        session.get_all("/v1/grants" + query({{"voucher", session.arguments.text("--voucher")}}),
                        &wire::GrantPage::grants);
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

Result show_request(Session& session,
                    const Expected<Received<wire::GrantRequestView>, Failure>& request) {
    if (!request) {
        return Unexpected{request.error()};
    }
    session.present(request_table(session, {request->answer}), request->body);
    return 0;
}

Result request(Session& session) {
    for (const char* needed : {"--programme", "--amount"}) {
        if (!session.arguments.has(needed)) {
            return Unexpected{missing_option(session, needed)};
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
    const wire::GrantAsk ask{.enterprise = session.arguments.text("--enterprise"),
                             .programme = session.arguments.text("--programme"),
                             .purpose = session.arguments.text("--purpose"),
                             .permit = session.arguments.text("--permit"),
                             .amount_ugs = *amount,
                             .from_at = *from,
                             .to_at = *to};
    return show_request(session,
                        session.post<wire::GrantRequestView>("/v1/grants/requests", encode(ask)));
}

/// A request is decided where it is named; a grant of one's own is described by its options.
Result decide(Session& session, std::string_view verb) {
    const wire::GrantDecision decision{.reason = session.arguments.text("--reason"),
                                       .decision_ref = session.arguments.text("--decision"),
                                       .grant = session.arguments.text("--grant")};
    const std::string target = "/v1/grants/requests/" +
                               wire::net::percent_encode(session.operand()) + "/" +
                               std::string(verb);
    return show_request(session, session.post<wire::GrantRequestView>(target, encode(decision)));
}

Result refuse(Session& session) {
    return session.arguments.has("--reason")
               ? decide(session, "refuse")
               : Result(Unexpected{missing_option(session, "--reason")});
}

Result import_file(Session& session) {
    const std::string path = session.operand();
    Expected<std::string, Failure> text = given_file(session, path, limits::body_bytes_max / 2);
    if (!text) {
        return Unexpected{std::move(text).error()};
    }
    const Expected<Received<wire::GrantImported>, Failure> imported =
        session.post<wire::GrantImported>("/v1/grants/import",
                                          encode(wire::GrantImport{.text = *std::move(text)}));
    if (!imported) {
        return Unexpected{imported.error()};
    }
    if (session.format == Format::Json) {
        session.present({}, imported->body);
    } else {
        const wire::GrantImported& done = imported->answer;
        session.print(
            session.say(Message::GrantsImported, {std::to_string(done.imported - done.existed),
                                                  std::to_string(done.existed)}) +
            "\n");
    }
    return 0;
}

Result approve(Session& session) {
    const bool of_request =
        session.operand().starts_with("RQ-") && !session.arguments.has("--enterprise");
    if (of_request) {
        return decide(session, "approve");
    }
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
                                     .to_at = *to,
                                     .permit = session.arguments.text("--permit"),
                                     .voucher = session.arguments.text("--voucher")};
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
Result advance(Session& session) {
    return session.arguments.has("--add") ? change(session, "/advance")
                                          : Result(Unexpected{missing_option(session, "--add")});
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
                                   .options = {kListOptions},
                                   .reads = true,
                                   .refused = Message::Refused,
                                   .run = list};
constinit const Command kGrantApprove{.name = "grant approve",
                                      .operands = "GRANT|REQUEST",
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
constinit const Command kGrantAdvance{.name = "grant advance",
                                      .operands = "GRANT",
                                      .help = Message::HelpGrantAdvance,
                                      .options = {kAdvanceOptions},
                                      .reads = true,
                                      .refused = Message::Refused,
                                      .run = advance};
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

constinit const Command kGrantRequest{.name = "grant request",
                                      .operands = "",
                                      .help = Message::HelpGrantRequest,
                                      .options = {kRequestOptions},
                                      .reads = true,
                                      .refused = Message::Refused,
                                      .run = request};
constinit const Command kGrantRefuse{.name = "grant refuse",
                                     .operands = "REQUEST",
                                     .help = Message::HelpGrantRefuse,
                                     .options = {kReasonOptions},
                                     .reads = true,
                                     .refused = Message::Refused,
                                     .run = refuse};
constinit const Command kGrantImport{.name = "grant import",
                                     .operands = "FILE",
                                     .help = Message::HelpGrantImport,
                                     .options = {},
                                     .reads = true,
                                     .refused = Message::Refused,
                                     .run = import_file};

}  // namespace khu::cli
