#include "cli/commands/all.h"
#include "cli/given.h"
#include "cli/sha256.h"
#include "cli/views.h"
#include "core/base/limits.h"

namespace khu::cli {
namespace {

constexpr auto kReportOptions = std::to_array<Option>({
    {"--url", "URL", Message::HelpReportUrl},
    {"--file", "FILE", Message::HelpReportFile},
    {"--output", "URL", Message::HelpOpenOutput},
});
constexpr auto kReturnOptions = std::to_array<Option>({
    {"--reason", "TEXT", Message::HelpReason},
});
constexpr auto kTransferOptions = std::to_array<Option>({
    {"--to", "GRANT", Message::HelpTransferTo},
    {"--amount", "HOURS", Message::HelpGrantAmount},
    {"--decision", "REF", Message::HelpDecision},
});

std::string of_grant(const Session& session, const char* verb) {
    return "/v1/grants/" + wire::net::percent_encode(session.operand()) + verb;
}

Result show(Session& session, const Expected<Received<wire::GrantView>, Failure>& grant) {
    if (!grant) {
        return Unexpected{grant.error()};
    }
    session.present(grant_table(session, {grant->answer}), grant->body);
    return 0;
}

/// The file itself stays where it is: its name and hash say which one was meant.
Expected<std::string, Failure> fingerprint(const Session& session, const std::string& path) {
    const Expected<std::string, Failure> bytes =
        given_file(session, path, limits::report_file_bytes_max);
    if (!bytes) {
        return Unexpected{bytes.error()};
    }
    Sha256 hash;
    hash.add(*bytes);
    return path.substr(path.rfind('/') + 1) + " sha256:" + hash.hex();
}

Result report(Session& session) {
    wire::GrantReportRequest request{.report = session.arguments.text("--url"),
                                     .output = session.arguments.text("--output")};
    if (session.arguments.has("--file")) {
        const Expected<std::string, Failure> file =
            fingerprint(session, session.arguments.text("--file"));
        if (!file) {
            return Unexpected{file.error()};
        }
        request.report += (request.report.empty() ? "" : " ") + *file;
    }
    if (request.report.empty()) {
        return Unexpected{missing_option(session, "--url, --file")};
    }
    return show(session,
                session.post<wire::GrantView>(of_grant(session, "/report"), encode(request)));
}

Result send_back(Session& session) {
    if (!session.arguments.has("--reason")) {
        return Unexpected{missing_option(session, "--reason")};
    }
    const wire::GrantChange request{.add_ugs = {},
                                    .to_at = {},
                                    .reason = session.arguments.text("--reason"),
                                    .decision_ref = ""};
    return show(session, session.post<wire::GrantView>(of_grant(session, "/return-report"),
                                                       encode(request)));
}

Result transfer(Session& session) {
    for (const char* needed : {"--to", "--amount", "--decision"}) {
        if (!session.arguments.has(needed)) {
            return Unexpected{missing_option(session, needed)};
        }
    }
    const Expected<Atoms, Failure> amount = given_gpu_hours(session, "--amount");
    if (!amount) {
        return Unexpected{amount.error()};
    }
    const wire::GrantTransferRequest request{.to_grant = session.arguments.text("--to"),
                                             .amount_ugs = *amount,
                                             .decision_ref = session.arguments.text("--decision")};
    return show(session,
                session.post<wire::GrantView>(of_grant(session, "/transfer"), encode(request)));
}

}  // namespace

constinit const Command kGrantTransfer{.name = "grant transfer",
                                       .operands = "GRANT",
                                       .help = Message::HelpGrantTransfer,
                                       .options = {kTransferOptions},
                                       .reads = true,
                                       .refused = Message::Refused,
                                       .run = transfer};
constinit const Command kGrantReport{.name = "grant report",
                                     .operands = "GRANT",
                                     .help = Message::HelpGrantReport,
                                     .options = {kReportOptions},
                                     .reads = true,
                                     .refused = Message::Refused,
                                     .run = report};
constinit const Command kGrantReturn{.name = "grant return",
                                     .operands = "GRANT",
                                     .help = Message::HelpGrantReturn,
                                     .options = {kReturnOptions},
                                     .reads = true,
                                     .refused = Message::Refused,
                                     .run = send_back};

}  // namespace khu::cli
