#include "config/shell_words.h"

namespace khu::config {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/// Reads one word that begins at `at`; false if a quote is left open.
bool read_word(std::string_view line, std::size_t& at, std::string& word) {
    char quote = 0;
    for (; at < line.size(); ++at) {
        const char c = line[at];
        const bool escapes = c == '\\' && quote != '\'' && at + 1 < line.size() &&
                             (quote == 0 || line[at + 1] == '"' || line[at + 1] == '\\');
        if (escapes) {
            word += line[++at];
        } else if (quote != 0) {
            if (c == quote) {
                quote = 0;
            } else {
                word += c;
            }
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (is_blank(c)) {
            break;
        } else {
            word += c;
        }
    }
    return quote == 0;
}

}  // namespace

std::optional<std::vector<ShellWord>> shell_words(std::string_view line) {
    std::vector<ShellWord> words;
    std::size_t at = 0;
    while (true) {
        while (at < line.size() && is_blank(line[at])) {
            ++at;
        }
        if (at == line.size() || line[at] == '#') {
            return words;
        }
        ShellWord word{{}, at};
        if (!read_word(line, at, word.text)) {
            return std::nullopt;
        }
        words.push_back(std::move(word));
    }
}

}  // namespace khu::config
