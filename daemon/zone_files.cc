#include "daemon/zone_files.h"

#include <filesystem>
#include <optional>

#include "wire/net/files.h"
#include "wire/net/secrets.h"

namespace khu::daemon {
namespace {

using wire::net::read_file;
using wire::net::write_file;
using wire::net::write_private;

/// The identity in DIR/NAME.pem and DIR/NAME.key; none if there is none.
Expected<std::optional<wire::net::Identity>, Refusal> read_identity(const std::string& base) {
    std::error_code none;
    if (!std::filesystem::exists(base + ".key", none)) {
        return std::optional<wire::net::Identity>{};
    }
    auto certificate = read_file(base + ".pem");
    auto key = read_file(base + ".key");
    if (!certificate || !key) {
        return Unexpected{certificate ? key.error() : certificate.error()};
    }
    return std::optional(
        wire::net::Identity{.certificate = std::move(*certificate), .key = std::move(*key)});
}

Expected<Done, Refusal> write_identity(const std::string& base,
                                       const wire::net::Identity& identity) {
    if (auto written = write_private(base + ".key", identity.key); !written) {
        return written;
    }
    return write_file(base + ".pem", identity.certificate, 0644);
}

Expected<wire::net::Identity, Refusal> authority_of(const std::string& directory,
                                                    const ZoneId& zone, Moment now) {
    const std::string base = directory + "/ca";
    auto known = read_identity(base);
    if (!known) {
        return Unexpected{std::move(known).error()};
    }
    if (*known) {
        return std::move(**known);
    }
    auto made = wire::net::make_authority(zone.value, now);
    if (!made) {
        return made;
    }
    if (auto written = write_identity(base, *made); !written) {
        return Unexpected{std::move(written).error()};
    }
    return made;
}

/// What is in the file; made if there is none.
Expected<std::string, Refusal> secret_in(const std::string& path) {
    std::error_code none;
    if (std::filesystem::exists(path, none)) {
        return read_file(path);
    }
    std::string secret = wire::net::random_token();
    if (auto written = write_private(path, secret); !written) {
        return Unexpected{std::move(written).error()};
    }
    return secret;
}

}  // namespace

Expected<wire::net::Identity, Refusal> renew_server(const std::string& directory,
                                                    const wire::net::Identity& authority,
                                                    const ServerWish& wish, Moment now) {
    auto server = wire::net::issue_server(authority, wish.names, now, wish.life);
    if (!server) {
        return server;
    }
    if (auto written = write_identity(directory + "/server", *server); !written) {
        return Unexpected{std::move(written).error()};
    }
    return server;
}

Expected<ZoneFiles, Refusal> open_zone_files(const std::string& directory, const ZoneId& zone,
                                             const ServerWish& wish, Moment now) {
    auto authority = authority_of(directory, zone, now);
    if (!authority) {
        return Unexpected{std::move(authority).error()};
    }
    auto server = renew_server(directory, *authority, wish, now);
    if (!server) {
        return Unexpected{std::move(server).error()};
    }
    auto secret = secret_in(directory + "/secret");
    if (!secret) {
        return Unexpected{std::move(secret).error()};
    }
    auto pseudonym_key = secret_in(directory + "/pseudonym.key");
    if (!pseudonym_key) {
        return Unexpected{std::move(pseudonym_key).error()};
    }
    return ZoneFiles{.authority = std::move(*authority),
                     .server = std::move(*server),
                     .secret = std::move(*secret),
                     .pseudonym_key = std::move(*pseudonym_key)};
}

}  // namespace khu::daemon
