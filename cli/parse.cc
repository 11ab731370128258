#include "cli/parse.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

#include "core/base/nearest.h"

namespace khu::cli {
namespace {

using Words = std::vector<std::string>;

bool is_option(std::string_view word) {
    return word.size() > 1 && word.front() == '-';
}

const Command* find_command(std::string_view name) {
    const auto commands = all_commands();
    const auto found = std::ranges::find(commands, name, &Command::name);
    return found == commands.end() ? nullptr : *found;
}

bool is_group(std::string_view word) {
    const std::string prefix = std::string(word) + " ";
    return std::ranges::any_of(
        all_commands(), [&](const Command* command) { return command->name.starts_with(prefix); });
}

/// First words of all commands, or the second words of a group's.
std::vector<std::string_view> names_under(std::string_view group) {
    std::vector<std::string_view> out;
    for (const Command* command : all_commands()) {
        std::string_view name = command->name;
        if (!group.empty()) {
            if (!name.starts_with(group) || name.substr(group.size(), 1) != " ") {
                continue;
            }
            name.remove_prefix(group.size() + 1);
        }
        name = name.substr(0, name.find(' '));
        if (std::ranges::find(out, name) == out.end()) {
            out.push_back(name);
        }
    }
    return out;
}

Failure unknown_command(const std::string& group, const std::string& word, Language language) {
    const std::string whole = group.empty() ? word : group + " " + word;
    if (std::ranges::find(later_commands(), whole) != later_commands().end()) {
        return from_refusal(Refusal(Code::NotYet).with("what", "khu " + whole), language);
    }
    const std::vector<std::string_view> known = names_under(group);
    const std::optional<std::string_view> near = nearest(word, known);
    const std::string before = group.empty() ? "khu " : "khu " + group + " ";
    return usage(say(Message::UnknownCommand, language, {"khu " + whole}),
                 near ? say(Message::DidYouMean, language, {before + std::string(*near)})
                      : say(Message::SeeHelp, language, {before + "--help"}));
}

/// Moves the options that stand before the command's name behind it: `khu --utc queue`.
Words command_first(const Words& words) {
    const std::vector<const Option*> ours = options_of(Command{.reads = true});
    std::size_t name = 0;
    while (name < words.size() && is_option(words[name])) {
        const auto known = std::ranges::find(ours, std::string_view(words[name]),
                                             [](const Option* o) { return long_name(*o); });
        name += known != ours.end() && (*known)->takes != Takes::Nothing ? 2 : 1;
    }
    if (name >= words.size()) {
        return words;
    }
    const bool two =
        is_group(words[name]) && name + 1 < words.size() && !is_option(words[name + 1]);
    Words out = words;
    const auto begin = out.begin();
    const auto first = static_cast<std::ptrdiff_t>(name);
    std::rotate(begin, begin + first, begin + first + (two ? 2 : 1));
    return out;
}

struct Count {
    std::size_t least{0};
    std::size_t most{0};
};

Count operand_count(std::string_view operands) {
    Count count;
    while (!operands.empty()) {
        const std::string_view one = operands.substr(0, operands.find(' '));
        count.least += one.starts_with('[') ? 0 : 1;
        const bool many = one.find("...") != std::string_view::npos;
        count.most = many ? 1'000'000 : count.most + 1;
        operands.remove_prefix(std::min(operands.size(), one.size() + 1));
    }
    return count;
}

Failure usage_of(const Command& command, std::string text, Language language) {
    const std::string name = "khu " + std::string(command.name);
    return usage(std::move(text), say(Message::SeeHelp, language, {name + " --help"}));
}

/// What CLI11 made of the words: values by long name, and the words that it did not know.
struct Raw {
    Arguments arguments;
    Words rest;
};

Expected<Raw, Failure> run_parser(const Command& command, Words words, Language language) {
    CLI::App app;
    app.set_help_flag();
    app.prefix_command(command.tail);
    app.allow_extras(!command.tail);
    const std::vector<const Option*> options = options_of(command);
    std::map<std::string, Words> values;
    std::map<std::string, bool> flags;
    for (const Option* option : options) {
        const std::string name(long_name(*option));
        if (option->takes == Takes::Nothing) {
            app.add_flag(std::string(option->names), flags[name]);
        } else {
            app.add_option(std::string(option->names), values[name])
                ->take_all()
                ->allow_extra_args(false)
                ->expected(1);
        }
    }
    try {
        std::ranges::reverse(words);
        app.parse(std::move(words));
    } catch (const CLI::ArgumentMismatch& error) {
        const std::string text = error.what();
        const std::string option = text.substr(0, text.find(':'));
        return Unexpected{
            usage_of(command, say(Message::MissingValue, language, {option}), language)};
    } catch (const CLI::ParseError& error) {
        return Unexpected{usage_of(command, error.what(), language)};
    }
    Raw raw{.arguments = {}, .rest = app.remaining()};
    for (auto& [name, all] : values) {
        if (!all.empty()) {
            raw.arguments.options[name] = std::move(all);
        }
    }
    for (const auto& [name, given] : flags) {
        if (given) {
            raw.arguments.options[name] = {};
        }
    }
    return raw;
}

Failure unknown_option(const Command& command, const std::string& word, Language language) {
    const std::string bare = word.substr(0, word.find('='));
    std::vector<std::string_view> known;
    for (const Option* option : options_of(command)) {
        known.push_back(long_name(*option));
    }
    const std::string text =
        say(Message::UnknownOption, language, {bare, "khu " + std::string(command.name)});
    const std::optional<std::string_view> near = nearest(bare, known);
    if (near) {
        return usage(text, say(Message::DidYouMean, language, {*near}));
    }
    return usage_of(command, text, language);
}

/// The operands among the words that CLI11 left, or the option that nobody knows.
std::optional<Failure> take_operands(const Command& command, Raw& raw, Language language) {
    Arguments& arguments = raw.arguments;
    for (const std::string& word : raw.rest) {
        const bool tail = command.tail && !arguments.operands.empty();
        if (word == "--" && !arguments.after_dashes && !tail) {
            arguments.after_dashes = true;
        } else if (is_option(word) && !arguments.after_dashes && !tail) {
            return unknown_option(command, word, language);
        } else {
            arguments.operands.push_back(word);
        }
    }
    return std::nullopt;
}

std::optional<Failure> check_count(const Command& command, const Arguments& arguments,
                                   Language language) {
    const Count count = operand_count(command.operands);
    if (arguments.operands.size() < count.least) {
        return usage_of(command,
                        say(Message::TooFewOperands, language,
                            {"khu " + std::string(command.name), command.operands}),
                        language);
    }
    if (arguments.operands.size() > count.most) {
        const std::string& extra = arguments.operands.at(count.most);
        return usage_of(
            command,
            say(Message::TooManyOperands, language, {"khu " + std::string(command.name), extra}),
            language);
    }
    return std::nullopt;
}

bool is_choice(std::string_view choices, std::string_view value) {
    while (!choices.empty()) {
        const std::string_view one = choices.substr(0, choices.find('|'));
        if (one == value) {
            return true;
        }
        choices.remove_prefix(std::min(choices.size(), one.size() + 1));
    }
    return false;
}

std::optional<Failure> check_options(const Command& command, const Arguments& arguments,
                                     Language language) {
    for (const Option* option : options_of(command)) {
        const std::string name(long_name(*option));
        if (!arguments.has(name)) {
            continue;
        }
        if (option->later) {
            return from_refusal(Refusal(Code::NotYet).with("what", name), language);
        }
        const std::string value = arguments.text(name);
        if (!option->choices.empty() && !is_choice(option->choices, value)) {
            return usage_of(command,
                            say(Message::NotAChoice, language, {name, value, option->choices}),
                            language);
        }
    }
    return std::nullopt;
}

Expected<Typed, Failure> parse_command(const Command& command, Words words, Language language) {
    Typed typed{.command = &command};
    Expected<Raw, Failure> raw = run_parser(command, std::move(words), language);
    if (!raw) {
        return Unexpected{std::move(raw).error()};
    }
    if (raw->arguments.has("--help")) {
        typed.asked = Asked::Help;
        return typed;
    }
    std::optional<Failure> wrong = take_operands(command, *raw, language);
    if (!wrong) {
        wrong = check_options(command, raw->arguments, language);
    }
    if (!wrong) {
        wrong = check_count(command, raw->arguments, language);
    }
    if (wrong) {
        return Unexpected{*std::move(wrong)};
    }
    typed.arguments = std::move(raw->arguments);
    return typed;
}

Typed help_of(const Words& words) {
    Typed typed{.asked = Asked::Help};
    if (words.empty()) {
        return typed;
    }
    const std::string two = words.size() > 1 ? words[0] + " " + words[1] : words[0];
    typed.command = find_command(two) != nullptr ? find_command(two) : find_command(words[0]);
    if (typed.command == nullptr && is_group(words[0])) {
        typed.group = words[0];
    }
    return typed;
}

/// `khu --help`, `khu --version`, and everything else that names no command.
Expected<Typed, Failure> only_options(const Words& words, Language language) {
    if (std::ranges::find(words, "--version") != words.end()) {
        return Typed{.asked = Asked::Version};
    }
    const std::vector<const Option*> known = options_of(Command{.reads = true});
    const bool ours = std::ranges::any_of(known, [&](const Option* option) {
        return long_name(*option) == words[0] || short_name(*option) == words[0];
    });
    if (!ours) {
        return Unexpected{unknown_option(Command{.reads = true}, words[0], language)};
    }
    return Typed{.asked = Asked::Help};
}

}  // namespace

Expected<Typed, Failure> parse(const Words& all_words, Language language) {
    Words words = command_first(all_words);
    if (words.empty()) {
        return Typed{.asked = Asked::Help};
    }
    if (is_option(words[0])) {
        return only_options(words, language);
    }
    if (words[0] == "help") {
        words.erase(words.begin());
        return help_of(words);
    }
    if (const Command* command = find_command(words[0])) {
        words.erase(words.begin());
        return parse_command(*command, std::move(words), language);
    }
    if (!is_group(words[0])) {
        return Unexpected{unknown_command("", words[0], language)};
    }
    if (words.size() == 1 || words[1] == "-h" || words[1] == "--help") {
        return Typed{.asked = Asked::Help, .group = words[0]};
    }
    const Command* command = find_command(words[0] + " " + words[1]);
    if (command == nullptr) {
        return Unexpected{unknown_command(words[0], words[1], language)};
    }
    words.erase(words.begin(), words.begin() + 2);
    return parse_command(*command, std::move(words), language);
}

}  // namespace khu::cli
