#include "cli/help.h"

#include <algorithm>

#include "cli/table.h"

namespace khu::cli {
namespace {

struct Line {
    std::string left;
    std::string right;
};

std::string two_columns(const std::vector<Line>& lines) {
    int width = 0;
    for (const Line& line : lines) {
        width = std::max(width, display_width(line.left));
    }
    std::string out;
    for (const Line& line : lines) {
        const int space = width - display_width(line.left) + 2;
        out += "  " + line.left + std::string(static_cast<std::size_t>(space), ' ') + line.right;
        out += '\n';
    }
    return out;
}

Line option_line(const Option& option, Language language) {
    const std::string_view brief = short_name(option);
    std::string left = brief.empty() ? "    " : std::string(brief) + ", ";
    left += long_name(option);
    if (!option.value.empty()) {
        left += " " + std::string(option.value);
    }
    std::string right(words(option.help, language));
    if (!option.choices.empty()) {
        right += " (" + std::string(option.choices) + ")";
    }
    return {std::move(left), std::move(right)};
}

}  // namespace

std::string help_of_all(std::string_view group, Language language) {
    std::vector<Line> lines;
    for (const Command* command : all_commands()) {
        const std::string prefix = std::string(group) + " ";
        if (group.empty() || command->name.starts_with(prefix)) {
            lines.push_back(
                {"khu " + std::string(command->name) + " " + std::string(command->operands),
                 std::string(words(command->help, language))});
        }
    }
    std::string out(words(Message::HelpTitle, language));
    out += "\n\n" + two_columns(lines) + "\n";
    out += words(Message::HelpFooter, language);
    return out + "\n";
}

std::string help_of(const Command& command, Language language) {
    std::string out = "khu " + std::string(command.name) + " [";
    out += words(Message::HelpOptionsWord, language);
    out += "] " + std::string(command.operands) + "\n\n";
    out += std::string(words(command.help, language)) + "\n\n";
    std::vector<Line> lines;
    for (const Option* option : options_of(command)) {
        if (!option->later) {
            lines.push_back(option_line(*option, language));
        }
    }
    return out + two_columns(lines);
}

}  // namespace khu::cli
