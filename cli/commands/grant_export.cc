#include <algorithm>

#include "cli/commands/all.h"
#include "cli/files.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--enterprise", "ID", Message::HelpOfEnterprise},
    {"-o,--output", "FILE", Message::HelpExportOutput},
});
constexpr Span kSilenceMax = seconds(60);
constexpr unsigned kMode = 0666;  ///< the person's umask decides

Result write_out(Session& session, const std::string& path, const std::string& text) {
    NewFile file(path, kMode);
    Expected<Done, FileFault> done = file.write(text);
    done = done ? file.keep() : std::move(done);
    if (!done) {
        return Unexpected{
            internal(session.say(Message::FileUnwritable, {path, done.error().why}), "")};
    }
    const auto grants = std::ranges::count(text, '\n') - 1;
    session.print(session.say(Message::GrantsExported, {path, std::to_string(grants)}) + "\n");
    return 0;
}

/// To standard output, or into a file that appears whole or not at all.
Result run(Session& session) {
    Expected<Connection*, Failure> khud = session.zone();
    if (!khud) {
        return Unexpected{std::move(khud).error()};
    }
    std::string text;
    const std::string target =
        "/v1/grants/export" + query({{"enterprise", session.arguments.text("--enterprise")}});
    const Expected<Done, Failure> streamed =
        (*khud)->stream(target, kSilenceMax, [&](std::string_view piece) {
            text += piece;
            return true;
        });
    if (!streamed) {
        return Unexpected{streamed.error()};
    }
    const std::string path = session.arguments.text("--output");
    if (path.empty()) {
        session.print(text);
        return 0;
    }
    return write_out(session, path, text);
}

}  // namespace

constinit const Command kGrantExport{.name = "grant export",
                                     .operands = "",
                                     .help = Message::HelpGrantExport,
                                     .options = {kOptions},
                                     .reads = false,
                                     .refused = Message::Refused,
                                     .run = run};

}  // namespace khu::cli
