#pragma once

/// \file
/// What a zone's directory holds beside the store: its certificates, its secret, and the files that
/// an admin needs at the first start. Made once; keys are readable by their owner only.
///
///     ca.pem, ca.key            the zone's authority; agents and clients pin ca.pem
///     server.pem, server.key    khud's own certificate, issued anew at each start and renewed
///                               before its end
///     secret                    of the zone: tokens of attempts are made from it
///     pseudonym.key             of the zone: pseudonyms in its reports are made with it, for ever
///     admin.token, join.token   written at the first start

#include <string>
#include <vector>

#include "core/base/expected.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "wire/net/certificates.h"

namespace khu::daemon {

struct ZoneFiles {
    wire::net::Identity authority;
    wire::net::Identity server;
    std::string secret;
    std::string pseudonym_key;
};

/// What khud's certificate says: host names and addresses under which it is reached, and how long.
struct ServerWish {
    std::vector<std::string> names;
    Span life{wire::net::kLeafLife};
};

/// Errors: StateDamaged, and those of the certificates and files.
Expected<ZoneFiles, Refusal> open_zone_files(const std::string& directory, const ZoneId& zone,
                                             const ServerWish& wish, Moment now);
/// A new certificate for khud, in its files.
Expected<wire::net::Identity, Refusal> renew_server(const std::string& directory,
                                                    const wire::net::Identity& authority,
                                                    const ServerWish& wish, Moment now);

}  // namespace khu::daemon
