#include "cli/endpoint.h"

#include <sys/stat.h>

#include <cstdlib>

#include "cli/client_config.h"
#include "cli/files.h"

namespace khu::cli {
namespace {

constexpr std::int64_t kTokenBytesMax = 4096;

std::string from_environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

Failure bad_endpoint(const std::string& url, Language language) {
    return usage(say(Message::BadEndpoint, language, {url}),
                 words(Message::BadEndpointRemedy, language).data());
}

/// "host:port", "host", "[::1]:port".
bool split_authority(std::string_view authority, Endpoint& endpoint) {
    std::size_t host_end = authority.find(':');
    if (authority.starts_with('[')) {
        const std::size_t close = authority.find(']');
        if (close == std::string_view::npos) {
            return false;
        }
        endpoint.host = std::string(authority.substr(1, close - 1));
        host_end = close + 1 == authority.size() ? std::string_view::npos : close + 1;
    } else {
        endpoint.host = std::string(authority.substr(0, host_end));
    }
    endpoint.port = kDefaultPort;
    if (host_end != std::string_view::npos) {
        endpoint.port = std::string(authority.substr(host_end + 1));
    }
    const bool digits = endpoint.port.find_first_not_of("0123456789") == std::string::npos;
    const bool port = digits && !endpoint.port.empty() && endpoint.port.size() <= 5;
    return port && !endpoint.host.empty();
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

Expected<Endpoint, Failure> parse_endpoint(const std::string& url, Language language) {
    Endpoint endpoint{.url = url};
    if (url.starts_with("unix:")) {
        endpoint.path = url.substr(5);
        if (!endpoint.path.starts_with('/')) {
            return Unexpected{bad_endpoint(url, language)};
        }
        return endpoint;
    }
    if (!url.starts_with("https://")) {
        return Unexpected{bad_endpoint(url, language)};
    }
    std::string_view authority = std::string_view(url).substr(8);
    if (authority.ends_with('/')) {
        authority.remove_suffix(1);
    }
    const bool plain = authority.find_first_of("/?#@ ") == std::string_view::npos;
    if (!plain || !split_authority(authority, endpoint)) {
        return Unexpected{bad_endpoint(url, language)};
    }
    return endpoint;
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
    Expected<Endpoint, Failure> endpoint = parse_endpoint(url, language);
    if (!endpoint) {
        return endpoint;
    }
    const std::string ca_file = from_environment("KHU_CA_FILE");
    endpoint->ca_file = !ca_file.empty() ? ca_file : configured ? config->ca_file : "";
    Expected<std::string, Failure> token = find_token(*config, configured, language);
    if (!token) {
        return Unexpected{std::move(token).error()};
    }
    endpoint->token = *std::move(token);
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
