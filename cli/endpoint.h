#pragma once

/// \file
/// Where khud is and who we say we are. The first that says something counts:
///
///     endpoint  --endpoint, KHU_ENDPOINT, `endpoint` of the configuration, the default below
///     token     KHU_TOKEN, the file KHU_TOKEN_FILE names, `token_file` of the configuration
///     ca file   KHU_CA_FILE, `ca_file` of the configuration, the system's authorities
///
/// The configuration is ~/.config/khu/config.yaml (XDG_CONFIG_HOME); `khu login` writes it. Its
/// token is only sent to its own endpoint. On a Unix socket khud knows us by our account and no
/// token is needed. A token file that everybody may read is refused, as ssh refuses such a key.

#include <string>

#include "cli/failure.h"
#include "wire/net/endpoint.h"

namespace khu::cli {

struct Endpoint {
    wire::net::Endpoint address;
    std::string url;        ///< as messages name it
    std::string authority;  ///< PEM; empty for a Unix socket
    std::string token;      ///< empty: none
};

inline constexpr std::string_view kDefaultEndpoint = "unix:/run/khu/khud.sock";

/// `option` is what --endpoint says; empty if it was not given.
Expected<Endpoint, Failure> find_endpoint(const std::string& option, Language language);

/// The text of `ca_file`, or of the system's authorities if it is empty.
Expected<std::string, Failure> read_authority(const std::string& ca_file, Language language);

/// The one line of a token file, checked for its permissions.
Expected<std::string, Failure> read_token_file(const std::string& path, Language language);

/// ~/.config/khu, or where XDG_CONFIG_HOME says; empty if there is no home.
std::string configuration_folder();

}  // namespace khu::cli
