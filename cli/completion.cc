#include "cli/completion.h"

#include <algorithm>
#include <set>

#include "cli/option.h"

namespace khu::cli {
namespace {

std::string spaced(std::string_view choices) {
    std::string out(choices);
    std::ranges::replace(out, '|', ' ');
    return out;
}

std::vector<const Option*> offered(const Command& command) {
    std::vector<const Option*> out = options_of(command);
    std::erase_if(out, [](const Option* option) { return option->later; });
    return out;
}

/// "grant" of "grant approve"; empty for a command of one word.
std::string_view group_of(const Command& command) {
    const std::size_t space = command.name.find(' ');
    return space == std::string_view::npos ? "" : command.name.substr(0, space);
}

std::set<std::string_view> groups() {
    std::set<std::string_view> out;
    for (const Command* command : all_commands()) {
        out.insert(group_of(*command));
    }
    out.erase("");
    return out;
}

/// The words that may follow `khu` (group empty) or `khu grant`.
std::string words_after(std::string_view group) {
    std::string out;
    for (const Command* command : all_commands()) {
        if (group_of(*command) == group) {
            const std::size_t start = group.empty() ? 0 : group.size() + 1;
            out += (out.empty() ? "" : " ") + std::string(command->name.substr(start));
        }
    }
    if (group.empty()) {
        for (const std::string_view one : groups()) {
            out += " " + std::string(one);
        }
    }
    return out;
}

std::string option_words(const Command& command) {
    std::string out;
    for (const Option* option : offered(command)) {
        for (const std::string_view name : {short_name(*option), long_name(*option)}) {
            out += name.empty() ? "" : (out.empty() ? "" : " ") + std::string(name);
        }
    }
    return out;
}

/// In single quotes, for any of the shells.
std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        out += c == '\'' ? "'\\''" : std::string(1, c);
    }
    return out + "'";
}

/// Inside the brackets of zsh's _arguments, these have a meaning of their own.
std::string zsh_help(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool special = c == '[' || c == ']' || c == ':' || c == '\\';
        out += special ? "\\" + std::string(1, c) : std::string(1, c);
    }
    return out;
}

std::string zsh_option(const Option& option, Language language) {
    const std::string help = "[" + zsh_help(words(option.help, language)) + "]";
    std::string value;
    if (option.takes != Takes::Nothing) {
        const bool file = option.value == "FILE" || option.value == "DIR";
        value = ":" + zsh_help(option.value) + ":";
        value += !option.choices.empty() ? "(" + spaced(option.choices) + ")"
                 : file                  ? "_files"
                                         : " ";
    }
    std::string out;
    for (const std::string_view name : {short_name(option), long_name(option)}) {
        if (!name.empty()) {
            const std::string many = option.takes == Takes::Many ? "*" : "";
            const std::string equals = name.starts_with("--") && !value.empty() ? "=" : "";
            out +=
                " \\\n                " + quoted(many + std::string(name) + equals + help + value);
        }
    }
    return out;
}

std::string fish_option(const Command& command, const Option& option, Language language) {
    std::string out = "complete -c khu -n " + quoted("__khu_is " + std::string(command.name));
    out += " -l " + std::string(long_name(option).substr(2));
    if (!short_name(option).empty()) {
        out += " -s " + std::string(short_name(option).substr(1));
    }
    if (option.takes != Takes::Nothing) {
        out += " -r";
    }
    if (!option.choices.empty()) {
        out += " -f -a " + quoted(spaced(option.choices));
    }
    return out + " -d " + quoted(words(option.help, language)) + "\n";
}

}  // namespace

std::string bash_completion() {
    std::string out =
        "# bash completion of khu, made by: khu completion bash\n"
        "_khu() {\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
        "    local command= known= i\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        case ${COMP_WORDS[i]} in\n"
        "            -*) continue ;;\n"
        "        esac\n"
        "        case $command in\n"
        "            \"\") command=${COMP_WORDS[i]} ;;\n";
    for (const std::string_view group : groups()) {
        out += "            " + std::string(group) + ") command=\"$command ${COMP_WORDS[i]}\" ;;\n";
    }
    out += "        esac\n    done\n    case $command:$prev in\n";
    for (const Command* command : all_commands()) {
        for (const Option* option : offered(*command)) {
            if (!option->choices.empty()) {
                out += "        \"" + std::string(command->name) + ":" +
                       std::string(long_name(*option)) + "\") known=\"" + spaced(option->choices) +
                       "\" ;;\n";
            }
        }
    }
    out +=
        "    esac\n"
        "    if [[ -n $known ]]; then\n"
        "        COMPREPLY=($(compgen -W \"$known\" -- \"$cur\"))\n"
        "        return\n"
        "    fi\n"
        "    case $command in\n"
        "        \"\") known=\"" +
        words_after("") + "\" ;;\n";
    for (const std::string_view group : groups()) {
        out += "        " + std::string(group) + ") known=\"" + words_after(group) + "\" ;;\n";
    }
    for (const Command* command : all_commands()) {
        out += "        \"" + std::string(command->name) + "\") [[ $cur != -* ]] || known=\"" +
               option_words(*command) + "\" ;;\n";
    }
    out +=
        "    esac\n"
        "    COMPREPLY=($(compgen -W \"$known\" -- \"$cur\"))\n"
        "}\n"
        "complete -o default -F _khu khu\n";
    return out;
}

std::string zsh_completion(Language language) {
    std::string out =
        "#compdef khu\n"
        "# zsh completion of khu, made by: khu completion zsh\n"
        "_khu() {\n"
        "    local command=${words[2]-}\n"
        "    if (( CURRENT == 2 )); then\n"
        "        compadd -- " +
        words_after("") + "\n        return\n    fi\n    case $command in\n";
    for (const std::string_view group : groups()) {
        out += "        " + std::string(group) +
               ")\n            if (( CURRENT == 3 )); then\n                compadd -- " +
               words_after(group) +
               "\n                return\n            fi\n"
               "            command=\"$command ${words[3]}\" ;;\n";
    }
    out += "    esac\n    case $command in\n";
    for (const Command* command : all_commands()) {
        out += "        " + quoted(command->name) + ")\n            _arguments";
        for (const Option* option : offered(*command)) {
            out += zsh_option(*option, language);
        }
        out += " \\\n                '*: :_files' ;;\n";
    }
    return out + "    esac\n}\n_khu \"$@\"\n";
}

std::string fish_completion(Language language) {
    std::string out =
        "# fish completion of khu, made by: khu completion fish\n"
        "function __khu_is\n"
        "    set -l typed (string match -v -- '-*' (commandline -opc))[2..]\n"
        "    test \"$typed[1..\"(count $argv)\"]\" = \"$argv\"\n"
        "end\n"
        "function __khu_before\n"
        "    set -l typed (string match -v -- '-*' (commandline -opc))[2..]\n"
        "    test \"$typed\" = \"$argv\"\n"
        "end\n"
        "complete -c khu -n '__khu_before' -f -a " +
        quoted(words_after("")) + "\n";
    for (const std::string_view group : groups()) {
        out += "complete -c khu -n " + quoted("__khu_before " + std::string(group)) + " -f -a " +
               quoted(words_after(group)) + "\n";
    }
    for (const Command* command : all_commands()) {
        for (const Option* option : offered(*command)) {
            out += fish_option(*command, *option, language);
        }
    }
    return out;
}

}  // namespace khu::cli
