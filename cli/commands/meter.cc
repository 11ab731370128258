#include "cli/commands/all.h"
#include "cli/given.h"
#include "core/base/limits.h"

namespace khu::cli {
namespace {

Result import_file(Session& session) {
    const std::string path = session.operand();
    Expected<std::string, Failure> text = given_file(session, path, limits::body_bytes_max / 2);
    if (!text) {
        return Unexpected{std::move(text).error()};
    }
    const Expected<Received<wire::ReadingsTaken>, Failure> taken =
        session.post<wire::ReadingsTaken>("/v1/meters/import",
                                          encode(wire::GrantImport{.text = *std::move(text)}));
    if (!taken) {
        return Unexpected{taken.error()};
    }
    if (session.format == Format::Json) {
        session.present({}, taken->body);
        return 0;
    }
    const wire::ReadingsTaken& done = taken->answer;
    session.print(session.say(Message::ReadingsTaken, {std::to_string(done.taken - done.existed),
                                                       std::to_string(done.existed)}) +
                  "\n");
    return 0;
}

}  // namespace

constinit const Command kMeterImport{.name = "meter import",
                                     .operands = "FILE",
                                     .help = Message::HelpMeterImport,
                                     .options = {},
                                     .reads = true,
                                     .refused = Message::Refused,
                                     .run = import_file};

}  // namespace khu::cli
