#include "cli/completion.h"

#include "cli/commands/all.h"
#include "cli/manual.h"

namespace khu::cli {
namespace {

Result run(Session& session) {
    const std::string shell = session.operand();
    if (shell == "bash") {
        session.print(bash_completion());
    } else if (shell == "zsh") {
        session.print(zsh_completion(session.language));
    } else if (shell == "fish") {
        session.print(fish_completion(session.language));
    } else if (shell == "man") {
        session.print(manual_page());
    } else {
        return Unexpected{usage(session.say(Message::UnknownShell, {shell}), "")};
    }
    return 0;
}

}  // namespace

constinit const Command kCompletion{.name = "completion",
                                    .operands = "bash|zsh|fish|man",
                                    .help = Message::HelpCompletion,
                                    .options = {},
                                    .refused = Message::Refused,
                                    .run = run};

}  // namespace khu::cli
