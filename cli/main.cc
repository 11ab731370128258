/// \file
/// The program `khu`: parses, dispatches, prints a failure. Every command is in commands/.

#include <cstdio>
#include <string>
#include <vector>

#include "cli/commands/all.h"
#include "cli/help.h"
#include "cli/parse.h"

namespace khu::cli {
namespace {

int finish(const Failure& failure, const Command* command, Language language) {
    const Message prefix = command == nullptr ? Message::Refused : command->refused;
    const std::string text = format_failure(failure, words(prefix, language));
    std::fwrite(text.data(), 1, text.size(), stderr);
    return static_cast<int>(failure.exit);
}

int help(const Typed& typed, Language language) {
    const std::string text = typed.command != nullptr ? help_of(*typed.command, language)
                                                      : help_of_all(typed.group, language);
    std::fwrite(text.data(), 1, text.size(), stdout);
    return static_cast<int>(ExitCode::Done);
}

int dispatch(Typed typed, Language language) {
    if (typed.asked == Asked::Help) {
        return help(typed, language);
    }
    if (typed.asked == Asked::Version) {
        typed.arguments.options["--client"] = {};
    }
    const Command& command = typed.asked == Asked::Version ? kVersion : *typed.command;
    Session session(command, std::move(typed.arguments), language);
    const Result result = command.run(session);
    if (!result) {
        session.progress("");
        return finish(result.error(), &command, language);
    }
    return *result;
}

int run(const std::vector<std::string>& words) {
    const Language language = language_of_environment();
    Expected<Typed, Failure> typed = parse(words, language);
    const int code =
        typed ? dispatch(*std::move(typed), language) : finish(typed.error(), nullptr, language);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        return finish(internal(std::string(cli::words(Message::CannotWrite, language)), ""),
                      nullptr, language);
    }
    return code;
}

}  // namespace
}  // namespace khu::cli

int main(int count, char** values) {
    return khu::cli::run(std::vector<std::string>(values + 1, values + count));
}
