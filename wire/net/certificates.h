#pragma once

/// \file
/// A zone's own certificates: one authority (P-256, 10 years), the server's certificate and one for
/// each node (a year, or as the zone says). A node is known by the common name of its certificate,
/// "node:gn01". Node certificates serve clients only, so no node can pose as khud. Validity begins
/// a day early, because clocks differ when a machine is new. Everything is PEM text. Source: RFC
/// 5280.

#include <string>
#include <string_view>
#include <vector>

#include "core/base/expected.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/base/units.h"

namespace khu::wire::net {

/// A certificate and its private key, both PEM. `certificate` may hold a chain, leaf first.
struct Identity {
    std::string certificate;
    std::string key;
};

/// A name that every server certificate of an authority carries, so that agents may call khud by
/// any address: who pins the authority asks for this name or the address it called.
inline constexpr std::string_view kServerName = "khud.khu.internal";

/// How long a certificate of khud or of a node is valid, unless the zone says otherwise. Both are
/// renewed while their programs run, at two thirds of it (renew_at()).
inline constexpr Span kLeafLife = days(365);

/// Errors of all: CertificateFailed with what OpenSSL says.
Expected<Identity, Refusal> make_authority(std::string_view zone, Moment now);
/// `names`: host names and IP addresses it answers to.
Expected<Identity, Refusal> issue_server(const Identity& authority,
                                         const std::vector<std::string>& names, Moment now,
                                         Span life = kLeafLife);
Expected<Identity, Refusal> issue_node(const Identity& authority, const NodeName& node, Moment now,
                                       Span life = kLeafLife);

/// A new key and a request to sign it, made on the node so that the key never travels. The result's
/// `certificate` is the PEM request.
Expected<Identity, Refusal> make_request(const NodeName& node);
/// A request for the key that the node has already (PEM): what is renewed is the certificate alone,
/// so that one file changes and no crash leaves a key without its certificate.
Expected<std::string, Refusal> make_request_again(const NodeName& node, std::string_view key);
/// Signs the key of `request` for `node`. The name asked for in the request does not count; that
/// the asker has the private key is checked.
Expected<std::string, Refusal> sign_request(const Identity& authority, std::string_view request,
                                            const NodeName& node, Moment now,
                                            Span life = kLeafLife);

struct CertificateFacts {
    std::string subject;  ///< the common name
    Moment not_before, not_after;
    std::string fingerprint;  ///< SHA-256 of the DER form, hex
};
/// Of the first certificate in `pem`.
Expected<CertificateFacts, Refusal> inspect(std::string_view pem);

/// When a certificate is to be renewed: when two thirds of its life are over.
Moment renew_at(const CertificateFacts& certificate);

/// "gn01" of "node:gn01"; empty if it is no node's subject.
std::string_view node_of_subject(std::string_view subject);

}  // namespace khu::wire::net
