#pragma once

/// \file
/// ~/.config/khu/config.yaml: where this person's khud is. Three keys, each with one value:
///
///     endpoint: https://khu.example.vn:7443
///     token_file: /home/an/.config/khu/token
///     ca_file: /home/an/.config/khu/ca.pem

#include <string>

#include "cli/failure.h"

namespace khu::cli {

struct ClientConfig {
    std::string endpoint{};
    std::string token_file{};
    std::string ca_file{};
};

/// An absent file is an empty configuration. Errors (exit code 2): unreadable, an unknown key with
/// the nearest one, a line that is not `key: value`; each with file and line.
Expected<ClientConfig, Failure> read_client_config(Language language);

/// The same from a text; `path` is for the places in complaints.
Expected<ClientConfig, Failure> parse_client_config(const std::string& path,
                                                    const std::string& text, Language language);

std::string format_client_config(const ClientConfig& config);

}  // namespace khu::cli
