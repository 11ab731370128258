#include "cli/commands/all.h"

namespace khu::cli {
namespace {

Result verify(Session& session) {
    const Expected<Received<wire::VerifyAnswer>, Failure> got =
        session.post<wire::VerifyAnswer>("/v1/ledger/verify", "{}");
    if (!got) {
        return Unexpected{got.error()};
    }
    const wire::VerifyAnswer& answer = got->answer;
    if (session.format == Format::Json || session.format == Format::Csv) {
        const Table table{
            .columns = {{"OK", "ok"},
                        {"ENTRIES", "entries"},
                        {"HEAD", "head"},
                        {"PROBLEM", "problem"}},
            .rows = {{answer.ok ? "true" : "false", answer.entries, answer.head, answer.problem}}};
        session.present(table, got->body);
    } else {
        const std::string entries = std::to_string(answer.entries);
        session.print(answer.ok ? session.say(Message::LedgerGood, {entries, answer.head})
                                : session.say(Message::LedgerBad, {entries, answer.problem}));
        session.print("\n");
    }
    return static_cast<int>(answer.ok ? ExitCode::Done : ExitCode::Refused);
}

}  // namespace

constinit const Command kLedgerVerify{.name = "ledger verify",
                                      .operands = "",
                                      .help = Message::HelpLedgerVerify,
                                      .options = {},
                                      .reads = true,
                                      .refused = Message::Refused,
                                      .run = verify};

}  // namespace khu::cli
