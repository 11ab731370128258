#include <algorithm>

#include "cli/commands/all.h"
#include "cli/files.h"
#include "cli/given.h"
#include "cli/pdf.h"
#include "cli/report_file.h"
#include "cli/sha256.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--period", "YYYY-MM", Message::HelpPeriod},
    {"--enterprise", "ID", Message::HelpOfEnterprise},
    {"--format", "FORM", Message::HelpReportFormat, Takes::One, "csv|json|jsonl"},
    {"-o,--output", "FILE", Message::HelpReportOutput},
});
constexpr auto kZoneOptions = std::to_array<Option>({
    {"--period", "YYYY-MM", Message::HelpPeriod},
    {"--format", "FORM", Message::HelpReportFormat, Takes::One, "csv|json|jsonl"},
    {"--public", "", Message::HelpPublic, Takes::Nothing},
    {"-o,--output", "FILE", Message::HelpReportOutput},
});
constexpr auto kLedgerOptions = std::to_array<Option>({
    {"--period", "YYYY-MM", Message::HelpLedgerPeriod},
    {"--format", "FORM", Message::HelpReportFormat, Takes::One, "csv|json|jsonl"},
    {"-o,--output", "FILE", Message::HelpReportOutput},
});
constexpr auto kStatementOptions = std::to_array<Option>({
    {"--period", "YYYY-MM", Message::HelpPeriod},
    {"--enterprise", "ID", Message::HelpOfEnterprise},
    {"--all", "", Message::HelpAllStatements, Takes::Nothing},
    {"--format", "FORM", Message::HelpStatementFormat, Takes::One, "json|csv|html|pdf|jsonl"},
    {"--language", "LANGUAGE", Message::HelpStatementLanguage, Takes::One, "vi|en"},
    {"-o,--output", "FILE", Message::HelpReportOutput},
});

constexpr unsigned kPdfMode = 0666;  ///< the person's umask decides
constexpr std::int64_t kManifestBytesMax = 1'048'576;
constexpr std::int64_t kReportBytesMax =
    1'073'741'824;  ///< a month of a million rows is half of it

ReportForm form_of(const std::string& name) {
    if (name == "json") {
        return ReportForm::Json;
    }
    return name == "jsonl" ? ReportForm::JsonLines : ReportForm::Csv;
}

Expected<Done, Failure> receive(Session& session, const std::string& target,
                                const std::function<void(std::string_view)>& take) {
    Expected<Connection*, Failure> khud = session.zone();
    if (!khud) {
        return Unexpected{std::move(khud).error()};
    }
    return (*khud)->stream(target, seconds(300), [&](std::string_view piece) {
        take(piece);
        return true;
    });
}

/// To standard output, or into a file with its manifest.
Result deliver(Session& session, const ReportSource& source) {
    const std::string path = session.arguments.text("--output");
    if (path.empty()) {
        const Expected<Done, Failure> streamed =
            receive(session, source.target, [&](std::string_view piece) { session.print(piece); });
        return streamed ? Result(0) : Unexpected{streamed.error()};
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

Failure period_missing(const Session& session, std::string_view command) {
    return usage(session.say(Message::MissingOption, {command, "--period"}),
                 session.say(Message::FormPeriod));
}

/// `what`: the report's name here and in the API.
Result rows(Session& session, const std::string& what, bool needs_period) {
    const std::string period = session.arguments.text("--period");
    if (period.empty() && needs_period) {
        return Unexpected{period_missing(session, "khu report " + what)};
    }
    const std::string given = session.arguments.text("--format");
    const std::string format = given.empty() ? "csv" : given;
    const std::string asked = query({{"period", period},
                                     {"enterprise", session.arguments.text("--enterprise")},
                                     {"format", format}});
    return deliver(session, {.target = "/v1/reports/" + what + asked,
                             .manifest_target = "/v1/reports/" + what + "/manifest" + asked,
                             .form = form_of(format)});
}

Result jobs(Session& session) {
    return rows(session, "jobs", true);
}

Result focus(Session& session) {
    return rows(session, "focus", true);
}

Result services(Session& session) {
    return rows(session, "services", true);
}

Result ledger(Session& session) {
    return rows(session, "ledger", false);
}

/// One file of all enterprises.
Result all_statements(Session& session, const std::string& period) {
    const std::string given = session.arguments.text("--format");
    const std::string format = given.empty() ? "jsonl" : given;
    const bool one = session.arguments.has("--enterprise") || session.arguments.has("--language");
    if (one || (format != "jsonl" && format != "csv")) {
        return Unexpected{usage(session.say(Message::AllStatementsForm),
                                session.say(Message::SeeHelp, {"khu report statement --help"}))};
    }
    const std::string what = query({{"period", period}, {"format", format}});
    return deliver(session, {.target = "/v1/reports/statements" + what,
                             .manifest_target = "/v1/reports/statements/manifest" + what,
                             .form = form_of(format)});
}

/// The page, made a PDF here. It has no manifest: the page itself can be verified, a PDF cannot.
Result statement_pdf(Session& session, const std::string& target) {
    const std::string path = session.arguments.text("--output");
    if (path.empty()) {
        return Unexpected{missing_option(session, "--output")};
    }
    std::string page;
    const Expected<Done, Failure> received =
        receive(session, target, [&](std::string_view piece) { page += piece; });
    if (!received) {
        return Unexpected{received.error()};
    }
    const Expected<std::string, Refusal> pdf = pdf_of(page);
    if (!pdf) {
        return Unexpected{from_refusal(pdf.error(), session.language)};
    }
    NewFile file(path, kPdfMode);
    Expected<Done, FileFault> done = file.write(*pdf);
    done = done ? file.keep() : std::move(done);
    if (!done) {
        return Unexpected{
            internal(session.say(Message::FileUnwritable, {path, done.error().why}), "")};
    }
    Sha256 hash;
    hash.add(page);
    session.print(session.say(Message::StatementPdf, {path, hash.hex()}) + "\n");
    return 0;
}

Result statement(Session& session) {
    const std::string period = session.arguments.text("--period");
    if (period.empty()) {
        return Unexpected{period_missing(session, "khu report statement")};
    }
    if (session.arguments.has("--all")) {
        return all_statements(session, period);
    }
    const std::string given = session.arguments.text("--format");
    const bool pdf = given == "pdf";
    const std::string format = given.empty() ? "json" : pdf ? "html" : given;
    const std::string language = session.arguments.text("--language");
    const std::string own = session.language == Language::Vietnamese ? "vi" : "en";
    const std::string what = query({{"period", period},
                                    {"enterprise", session.arguments.text("--enterprise")},
                                    {"format", format},
                                    {"language", language.empty() ? own : language}});
    if (pdf) {
        return statement_pdf(session, "/v1/reports/statement" + what);
    }
    // A statement is one document: what the manifest counts are its lines.
    return deliver(session, {.target = "/v1/reports/statement" + what,
                             .manifest_target = "/v1/reports/statement/manifest" + what,
                             .form = format == "csv" ? ReportForm::Csv : ReportForm::JsonLines});
}

Result zone_month(Session& session) {
    const std::string period = session.arguments.text("--period");
    if (period.empty()) {
        return Unexpected{period_missing(session, "khu report zone")};
    }
    const std::string given = session.arguments.text("--format");
    const std::string format = given.empty() ? "csv" : given;
    const std::string what = query({{"period", period},
                                    {"format", format},
                                    {"public", session.arguments.has("--public") ? "true" : ""}});
    return deliver(session, {.target = "/v1/reports/zone" + what,
                             .manifest_target = "/v1/reports/zone/manifest" + what,
                             .form = form_of(format)});
}

std::string line_of(std::string_view text, std::size_t at) {
    const std::size_t begin = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
    return std::string(text.substr(begin, text.find('\n', begin) - begin).substr(0, 200));
}

/// The first line in which the file is not what the books give now; ok if there is none.
wire::FileVerified compare(const std::string& path, std::string_view file, std::string_view books) {
    wire::FileVerified verified{.ok = file == books, .file = path};
    if (!verified.ok) {
        const auto at =
            static_cast<std::size_t>(std::ranges::mismatch(file, books).in1 - file.begin());
        verified.line = 1 + std::ranges::count(file.substr(0, at), '\n');
        verified.has = line_of(file, std::min(at, file.size()));
        verified.books = line_of(books, std::min(at, books.size()));
    }
    return verified;
}

Result present(Session& session, const wire::FileVerified& verified) {
    if (session.format == Format::Json || session.format == Format::Csv) {
        const Table table{.columns = {{"OK", "ok"},
                                      {"FILE", "file"},
                                      {"LINE", "line"},
                                      {"HAS", "has"},
                                      {"BOOKS", "books"}},
                          .rows = {{verified.ok ? "true" : "false", verified.file,
                                    std::to_string(verified.line), verified.has, verified.books}}};
        session.present(table, encode(verified));
    } else if (verified.ok) {
        session.print(session.say(Message::FileGood, {verified.file}) + "\n");
    } else {
        session.print(
            session.say(Message::FileDiffers, {verified.file, std::to_string(verified.line),
                                               verified.has, verified.books}) +
            "\n");
    }
    return static_cast<int>(verified.ok ? ExitCode::Done : ExitCode::Refused);
}

Expected<std::string, Failure> whole_file(const Session& session, const std::string& path,
                                          std::int64_t bytes_max) {
    Expected<std::string, FileFault> text = read_file(path, bytes_max);
    if (!text) {
        return Unexpected{
            usage(session.say(Message::FileUnreadable, {path, text.error().why}), "")};
    }
    return *std::move(text);
}

/// Asks khud for the same report again and compares every byte.
Result verify(Session& session) {
    const std::string path{session.operand()};
    const Expected<std::string, Failure> file = whole_file(session, path, kReportBytesMax);
    if (!file) {
        return Unexpected{file.error()};
    }
    const Expected<std::string, Failure> beside =
        whole_file(session, path + ".manifest.json", kManifestBytesMax);
    if (!beside) {
        return Unexpected{beside.error()};
    }
    const Expected<wire::ManifestAnswer, Failure> manifest =
        decode<wire::ManifestAnswer>(*beside, session.language);
    if (!manifest) {
        return Unexpected{manifest.error()};
    }
    const std::string target = "/v1/reports/" + manifest->report +
                               query({{"period", manifest->period},
                                      {"enterprise", manifest->enterprise},
                                      {"format", manifest->format},
                                      {"language", manifest->language},
                                      {"public", manifest->is_public ? "true" : ""}});
    std::string books;
    const Expected<Done, Failure> received =
        receive(session, target, [&](std::string_view piece) { books += piece; });
    if (!received) {
        return Unexpected{received.error()};
    }
    return present(session, compare(path, *file, books));
}

}  // namespace

constinit const Command kReportJobs{.name = "report jobs",
                                    .operands = "",
                                    .help = Message::HelpReportJobs,
                                    .options = {kOptions},
                                    .refused = Message::Refused,
                                    .run = jobs};
constinit const Command kReportFocus{.name = "report focus",
                                     .operands = "",
                                     .help = Message::HelpReportFocus,
                                     .options = {kOptions},
                                     .refused = Message::Refused,
                                     .run = focus};
constinit const Command kReportServices{.name = "report services",
                                        .operands = "",
                                        .help = Message::HelpReportServices,
                                        .options = {kOptions},
                                        .refused = Message::Refused,
                                        .run = services};
constinit const Command kReportLedger{.name = "report ledger",
                                      .operands = "",
                                      .help = Message::HelpReportLedger,
                                      .options = {kLedgerOptions},
                                      .refused = Message::Refused,
                                      .run = ledger};
constinit const Command kReportStatement{.name = "report statement",
                                         .operands = "",
                                         .help = Message::HelpReportStatement,
                                         .options = {kStatementOptions},
                                         .refused = Message::Refused,
                                         .run = statement};
constinit const Command kReportZone{.name = "report zone",
                                    .operands = "",
                                    .help = Message::HelpReportZone,
                                    .options = {kZoneOptions},
                                    .refused = Message::Refused,
                                    .run = zone_month};
constinit const Command kReportVerify{.name = "report verify",
                                      .operands = "FILE",
                                      .help = Message::HelpReportVerify,
                                      .options = {},
                                      .reads = true,
                                      .refused = Message::Refused,
                                      .run = verify};

}  // namespace khu::cli
