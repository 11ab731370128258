#include "cli/version.h"
#include "cli/commands/all.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--client", "", Message::HelpVersionClient, Takes::Nothing},
});

/// The client's own version is what was asked first, so an absent khud is no failure here.
Result run(Session& session) {
    session.print("khu " + std::string(kKhuVersion) + "\n");
    if (session.arguments.has("--client")) {
        return 0;
    }
    const Expected<Received<wire::VersionAnswer>, Failure> zone =
        session.get<wire::VersionAnswer>("/v1/version");
    if (zone) {
        session.print("khud " + zone->answer.version + " (" + zone->answer.zone + ")\n");
    } else {
        session.note(zone.error().text);
    }
    return 0;
}

}  // namespace

constinit const Command kVersion{.name = "version",
                                 .operands = "",
                                 .help = Message::HelpVersion,
                                 .options = {kOptions},
                                 .refused = Message::Refused,
                                 .run = run};

}  // namespace khu::cli
