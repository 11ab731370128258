#include "cli/endpoint.h"

#include <sys/stat.h>

#include <cstdlib>

#include "cli/client_config.h"
#include "cli/files.h"

namespace khu::cli {
namespace {

constexpr std::int64_t kTokenBytesMax = 4096;
constexpr std::int64_t kAuthorityBytesMax = 4 << 20;
constexpr std::string_view kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";

std::string from_environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

/// The token for `endpoint`: the environment's, or the configuration's if the endpoint is its own.
Expected<std::string, Failure> find_token(const ClientConfig& config, bool configured,
                                          Language language) {
    const std::string token = from_environment("KHU_TOKEN");
    if (!token.empty()) {
        return token;
    }
    const std::string file = from_environment("KHU_TOKEN_FILE");
    if (!file.empty()) {
        return read_token_file(file, language);
    }
    if (configured && !config.token_file.empty()) {
        return read_token_file(config.token_file, language);
    }
    return std::string();
}

}  // namespace

Expected<std::string, Failure> read_authority(const std::string& ca_file, Language language) {
    const std::string path = ca_file.empty() ? std::string(kSystemAuthorities) : ca_file;
    Expected<std::string, FileFault> text = read_file(path, kAuthorityBytesMax);
    if (!text) {
        return Unexpected{
            usage(say(Message::AuthorityUnreadable, language, {path, text.error().why}),
                  std::string(words(Message::AuthorityRemedy, language)))};
    }
    return *std::move(text);
}

Expected<std::string, Failure> read_token_file(const std::string& path, Language language) {
    struct stat about{};
    if (::stat(path.c_str(), &about) == 0 && (about.st_mode & S_IRWXO) != 0) {
        return Unexpected{usage(say(Message::TokenFileOpen, language, {path}),
                                say(Message::TokenFileOpenRemedy, language, {path}))};
    }
    const Expected<std::string, FileFault> text = read_file(path, kTokenBytesMax);
    if (!text) {
        return Unexpected{
            usage(say(Message::TokenFileUnreadable, language, {path, text.error().why}), "")};
    }
    const std::string line = text->substr(0, text->find_first_of("\r\n"));
    const std::size_t end = line.find_last_not_of(" \t");
    if (end == std::string::npos || line.find_first_of(" \t") < end) {
        return Unexpected{usage(say(Message::TokenFileEmpty, language, {path}), "")};
    }
    return line.substr(0, end + 1);
}

Expected<Endpoint, Failure> find_endpoint(const std::string& option, Language language) {
    std::string url = option.empty() ? from_environment("KHU_ENDPOINT") : option;
    Expected<ClientConfig, Failure> config = read_client_config(language);
    if (!config) {
        return Unexpected{std::move(config).error()};
    }
    const bool configured = !config->endpoint.empty() && (url.empty() || url == config->endpoint);
    if (url.empty()) {
        url = configured ? config->endpoint : std::string(kDefaultEndpoint);
    }
    const Expected<wire::net::Endpoint, Refusal> address = wire::net::parse_endpoint(url);
    if (!address) {
        Failure failure = from_refusal(address.error(), language);
        failure.exit = ExitCode::Usage;
        return Unexpected{std::move(failure)};
    }
    Endpoint endpoint{.address = *address, .url = url, .authority = {}, .token = {}};
    if (!address->is_unix()) {
        const std::string ca_file = from_environment("KHU_CA_FILE");
        Expected<std::string, Failure> authority = read_authority(!ca_file.empty() ? ca_file
                                                                  : configured     ? config->ca_file
                                                                                   : "",
                                                                  language);
        if (!authority) {
            return Unexpected{std::move(authority).error()};
        }
        endpoint.authority = *std::move(authority);
    }
    Expected<std::string, Failure> token = find_token(*config, configured, language);
    if (!token) {
        return Unexpected{std::move(token).error()};
    }
    endpoint.token = *std::move(token);
    return endpoint;
}

std::string configuration_folder() {
    const std::string base = from_environment("XDG_CONFIG_HOME");
    if (base.starts_with('/')) {
        return base + "/khu";
    }
    const std::string home = from_environment("HOME");
    return home.empty() ? "" : home + "/.config/khu";
}

}  // namespace khu::cli
