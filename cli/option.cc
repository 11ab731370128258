#include "cli/option.h"

namespace khu::cli {
namespace {

constexpr auto kReading = std::to_array<Option>({
    {"--format", "FORM", Message::HelpFormat, Takes::One, "table|wide|json|csv"},
    {"--utc", "", Message::HelpUtc, Takes::Nothing},
});

constexpr auto kEvery = std::to_array<Option>({
    {"--endpoint", "URL", Message::HelpEndpoint},
    {"-h,--help", "", Message::HelpHelp, Takes::Nothing},
});

}  // namespace

bool Arguments::has(std::string_view long_name) const {
    return options.contains(long_name);
}

std::string Arguments::text(std::string_view long_name) const {
    const auto found = options.find(long_name);
    return found == options.end() || found->second.empty() ? "" : found->second.back();
}

std::vector<std::string> Arguments::all(std::string_view long_name) const {
    const auto found = options.find(long_name);
    return found == options.end() ? std::vector<std::string>{} : found->second;
}

std::vector<const Option*> options_of(const Command& command) {
    std::vector<const Option*> out;
    const auto add = [&out](std::span<const Option> some) {
        for (const Option& option : some) {
            out.push_back(&option);
        }
    };
    for (const std::span<const Option>& some : command.options) {
        add(some);
    }
    if (command.reads) {
        add(kReading);
    }
    add(kEvery);
    return out;
}

}  // namespace khu::cli
