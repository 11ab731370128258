#include "cli/commands/all.h"
#include "cli/given.h"
#include "cli/jobs.h"
#include "cli/views.h"
#include "wire/net/http.h"

namespace khu::cli {
namespace {

constexpr auto kAskOptions = std::to_array<Option>({
    {"--amount", "HOURS", Message::HelpRefundAmount},
    {"--attempt", "N", Message::HelpRefundAttempt},
    {"--reason", "TEXT", Message::HelpReason},
});
constexpr auto kDecideOptions = std::to_array<Option>({
    {"--reason", "TEXT", Message::HelpReason},
});

Table refund_table(const Session& session, const std::vector<wire::RefundView>& refunds) {
    Table table{.columns = {{"REFUND", "refund"},
                            {"JOB", "job", Align::Right},
                            {"ATTEMPT", "attempt", Align::Right},
                            {"ENTERPRISE", "enterprise", Align::Left, true},
                            {"STATE", "state"},
                            {"CHARGED", "charged_ugs", Align::Right},
                            {"AMOUNT", "amount_ugs", Align::Right},
                            {"ENDED", "ended_at"},
                            {"ASKED", "asked_at", Align::Left, false, true},
                            {"BY", "asked_by", Align::Left, true},
                            {"REASON", "reason", Align::Left, true},
                            {"DECIDED", "decided_at", Align::Left, false, true},
                            {"DECIDED BY", "decided_by", Align::Left, true},
                            {"MADE GOOD", "made_good", Align::Left, true}},
                .rows = {}};
    for (const wire::RefundView& one : refunds) {
        std::string grants;
        for (const std::string& grant : one.made_good) {
            grants += (grants.empty() ? "" : ", ") + grant;
        }
        table.rows.push_back({one.refund, std::to_string(one.job.value),
                              std::to_string(one.attempt.value), one.enterprise, one.state,
                              gpu_hours_cell(one.charged_ugs), gpu_hours_cell(one.amount_ugs),
                              session.when(one.ended_at), session.when(one.asked_at), one.asked_by,
                              one.reason, session.when(one.decided_at), one.decided_by, grants});
    }
    return table;
}

Result list(Session& session) {
    const Expected<Received<wire::RefundPage>, Failure> page =
        session.get<wire::RefundPage>("/v1/refunds");
    if (!page) {
        return Unexpected{page.error()};
    }
    session.present(refund_table(session, page->answer.refunds), page->body);
    return 0;
}

Result show(Session& session, const Expected<Received<wire::RefundView>, Failure>& refund) {
    if (!refund) {
        return Unexpected{refund.error()};
    }
    session.present(refund_table(session, {refund->answer}), refund->body);
    return 0;
}

Result ask(Session& session) {
    if (!session.arguments.has("--reason")) {
        return Unexpected{usage(session.say(Message::MissingOption, {"khu refund ask", "--reason"}),
                                session.say(Message::SeeHelp, {"khu refund ask --help"}))};
    }
    const Expected<JobId, Failure> job = parse_job(session, session.operand());
    const Expected<std::int64_t, Failure> attempt = given_number(session, "--attempt", 0);
    const Expected<Atoms, Failure> amount = given_gpu_hours(session, "--amount");
    if (!job) {
        return Unexpected{job.error()};
    }
    if (!attempt || !amount) {
        return Unexpected{attempt ? amount.error() : attempt.error()};
    }
    wire::RefundAsk request;
    request.job = *job;
    request.attempt = AttemptNumber{static_cast<std::uint32_t>(*attempt)};
    request.amount_ugs = *amount;
    request.reason = session.arguments.text("--reason");
    return show(session, session.post<wire::RefundView>("/v1/refunds", encode(request)));
}

Result decide(Session& session, const char* verb) {
    const wire::ReasonRequest request{.reason = session.arguments.text("--reason")};
    return show(session, session.post<wire::RefundView>(
                             "/v1/refunds/" + wire::net::percent_encode(session.operand()) + verb,
                             encode(request)));
}
Result approve(Session& session) {
    return decide(session, "/approve");
}
Result refuse(Session& session) {
    return decide(session, "/refuse");
}

}  // namespace

constinit const Command kRefundList{.name = "refund list",
                                    .operands = "",
                                    .help = Message::HelpRefundList,
                                    .options = {},
                                    .reads = true,
                                    .refused = Message::Refused,
                                    .run = list};
constinit const Command kRefundAsk{.name = "refund ask",
                                   .operands = "JOB",
                                   .help = Message::HelpRefundAsk,
                                   .options = {kAskOptions},
                                   .reads = true,
                                   .refused = Message::Refused,
                                   .run = ask};
constinit const Command kRefundApprove{.name = "refund approve",
                                       .operands = "REFUND",
                                       .help = Message::HelpRefundApprove,
                                       .options = {kDecideOptions},
                                       .reads = true,
                                       .refused = Message::Refused,
                                       .run = approve};
constinit const Command kRefundRefuse{.name = "refund refuse",
                                      .operands = "REFUND",
                                      .help = Message::HelpRefundRefuse,
                                      .options = {kDecideOptions},
                                      .reads = true,
                                      .refused = Message::Refused,
                                      .run = refuse};

}  // namespace khu::cli
