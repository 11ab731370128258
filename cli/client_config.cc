#include "cli/client_config.h"

#include <array>
#include <optional>

#include "cli/endpoint.h"
#include "cli/files.h"
#include "core/base/nearest.h"

namespace khu::cli {
namespace {

constexpr std::int64_t kConfigBytesMax = 64 << 10;

struct Key {
    std::string_view name;
    std::string ClientConfig::* member;
};

constexpr std::array<Key, 3> kKeys{{{"endpoint", &ClientConfig::endpoint},
                                    {"token_file", &ClientConfig::token_file},
                                    {"ca_file", &ClientConfig::ca_file}}};

std::string_view trim(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r");
    const std::size_t last = text.find_last_not_of(" \t\r");
    return first == std::string_view::npos ? "" : text.substr(first, last - first + 1);
}

/// Takes off a comment (" #") and quotes.
std::string_view plain_value(std::string_view value) {
    value = trim(value);
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')) {
        const std::size_t close = value.find(value.front(), 1);
        return close == std::string_view::npos ? value : value.substr(1, close - 1);
    }
    return trim(value.substr(0, value.find(" #")));
}

Failure bad_line(const std::string& place, std::string_view key, Language language) {
    constexpr std::array<std::string_view, 3> names{kKeys[0].name, kKeys[1].name, kKeys[2].name};
    const std::optional<std::string_view> near = nearest(key, names);
    return usage(say(Message::BadConfigLine, language, {place, key}),
                 near ? say(Message::DidYouMean, language, {*near})
                      : std::string(words(Message::BadConfigLineRemedy, language)));
}

/// Takes `line` into `config`; the key that is wrong otherwise.
std::optional<std::string_view> take_line(std::string_view line, ClientConfig& config) {
    if (trim(line).empty() || trim(line).front() == '#') {
        return std::nullopt;
    }
    const std::size_t colon = line.find(':');
    const std::string_view name = trim(line.substr(0, colon));
    for (const Key& key : kKeys) {
        if (colon != std::string_view::npos && key.name == name && line.front() != ' ') {
            config.*key.member = std::string(plain_value(line.substr(colon + 1)));
            return std::nullopt;
        }
    }
    return name;
}

}  // namespace

Expected<ClientConfig, Failure> parse_client_config(const std::string& path,
                                                    const std::string& text, Language language) {
    ClientConfig config;
    std::string_view rest = text;
    for (int number = 1; !rest.empty(); ++number) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        const std::optional<std::string_view> wrong = take_line(line, config);
        if (wrong) {
            return Unexpected{bad_line(path + ":" + std::to_string(number), *wrong, language)};
        }
    }
    return config;
}

Expected<ClientConfig, Failure> read_client_config(Language language) {
    const std::string folder = configuration_folder();
    if (folder.empty()) {
        return ClientConfig{};
    }
    const std::string path = folder + "/config.yaml";
    const Expected<std::string, FileFault> text = read_file(path, kConfigBytesMax);
    if (!text && text.error().missing) {
        return ClientConfig{};
    }
    if (!text) {
        return Unexpected{
            usage(say(Message::ConfigUnreadable, language, {path, text.error().why}), "")};
    }
    return parse_client_config(path, *text, language);
}

std::string format_client_config(const ClientConfig& config) {
    std::string out;
    for (const Key& key : kKeys) {
        if (!(config.*key.member).empty()) {
            out += std::string(key.name) + ": " + config.*key.member + "\n";
        }
    }
    return out;
}

}  // namespace khu::cli
