#pragma once

/// \file
/// The commands and their options as data. The parser (parse.cc, the only file that knows CLI11),
/// the help, the completions and the manual page all read these descriptions, so that none of them
/// can forget an option. They are constants: `khu` builds a parser for the one command that was
/// typed.

#include <array>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/failure.h"
#include "cli/messages.h"

namespace khu::cli {

class Session;

enum class Takes { Nothing, One, Many };

struct Option {
    std::string_view names;  ///< "-n,--nodes"; the long one comes last and is how code asks for it
    std::string_view value;  ///< "N" in the help; empty for a flag
    Message help{};
    Takes takes{Takes::One};
    std::string_view choices{};  ///< "table|wide|json|csv": nothing else is accepted
    bool later{false};           ///< known, but of a later release: refused, never ignored
};

/// "--nodes" of "-n,--nodes".
constexpr std::string_view long_name(const Option& option) {
    const std::size_t comma = option.names.rfind(',');
    return comma == std::string_view::npos ? option.names : option.names.substr(comma + 1);
}
/// "-n" of "-n,--nodes"; empty if it has none.
constexpr std::string_view short_name(const Option& option) {
    const std::size_t comma = option.names.rfind(',');
    return comma == std::string_view::npos ? std::string_view{} : option.names.substr(0, comma);
}

/// What was typed after the name of a command.
class Arguments {
public:
    std::map<std::string, std::vector<std::string>, std::less<>> options;  ///< by long name
    std::vector<std::string> operands;
    bool after_dashes{false};  ///< the operands stood behind "--"

    [[nodiscard]] bool has(std::string_view long_name) const;
    /// The last value given; empty if none was.
    [[nodiscard]] std::string text(std::string_view long_name) const;
    [[nodiscard]] std::vector<std::string> all(std::string_view long_name) const;
};

/// How a command ends: the exit code of the process, or why it failed.
using Result = Expected<int, Failure>;

struct Command {
    std::string_view name{};  ///< "submit", "grant approve"
    std::string_view
        operands{};  ///< "JOB...", "[NODE]", "FILE": how many, for help and for checking
    Message help{};
    std::array<std::span<const Option>, 2> options{};
    bool tail{false};   ///< what follows the first operand is not ours: the command of a job
    bool reads{false};  ///< has --format and --utc
    Message refused{};  ///< "job refused", before the text of a refusal
    Result (*run)(Session&){nullptr};
};

/// Its options, those of every reading command and those of every command, in this order.
std::vector<const Option*> options_of(const Command& command);

/// Every command in the order of the help. Defined in commands/all.cc.
std::span<const Command* const> all_commands();
/// Names that later releases will have, so that typing one says so.
std::span<const std::string_view> later_commands();

}  // namespace khu::cli
