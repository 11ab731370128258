#include "cli/commands/all.h"
#include "cli/report_file.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--period", "YYYY-MM", Message::HelpPeriod},
    {"--enterprise", "ID", Message::HelpOfEnterprise},
    {"--format", "FORM", Message::HelpReportFormat, Takes::One, "csv|json|jsonl"},
    {"-o,--output", "FILE", Message::HelpReportOutput},
    {"--public", "", Message::HelpLater, Takes::Nothing, "", true},
});

ReportForm form_of(const std::string& name) {
    if (name == "json") {
        return ReportForm::Json;
    }
    return name == "jsonl" ? ReportForm::JsonLines : ReportForm::Csv;
}

Result print_report(Session& session, const ReportSource& source) {
    Expected<Connection*, Failure> khud = session.zone();
    if (!khud) {
        return Unexpected{std::move(khud).error()};
    }
    const Expected<Done, Failure> streamed =
        (*khud)->stream(source.target, seconds(300), [&session](std::string_view piece) {
            session.print(piece);
            return true;
        });
    return streamed ? Result(0) : Unexpected{streamed.error()};
}

Result jobs(Session& session) {
    const std::string period = session.arguments.text("--period");
    if (period.empty()) {
        return Unexpected{
            usage(session.say(Message::MissingOption, {"khu report jobs", "--period"}),
                  session.say(Message::FormPeriod))};
    }
    const std::string given = session.arguments.text("--format");
    const std::string format = given.empty() ? "csv" : given;
    const std::string what = query({{"period", period},
                                    {"enterprise", session.arguments.text("--enterprise")},
                                    {"format", format}});
    const ReportSource source{.target = "/v1/reports/jobs" + what,
                              .manifest_target = "/v1/reports/jobs/manifest" + what,
                              .form = form_of(format)};
    const std::string path = session.arguments.text("--output");
    if (path.empty()) {
        return print_report(session, source);
    }
    const Expected<wire::ManifestAnswer, Failure> manifest = write_report(session, source, path);
    if (!manifest) {
        return Unexpected{manifest.error()};
    }
    session.print(session.say(manifest->is_final ? Message::ReportFinal : Message::ReportOpen,
                              {path, std::to_string(manifest->rows), manifest->sha256}) +
                  "\n");
    return 0;
}

}  // namespace

constinit const Command kReportJobs{.name = "report jobs",
                                    .operands = "",
                                    .help = Message::HelpReportJobs,
                                    .options = {kOptions},
                                    .refused = Message::Refused,
                                    .run = jobs};

}  // namespace khu::cli
