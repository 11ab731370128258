#pragma once

/// \file
/// How a machine becomes a node: with a join token it asks khud once to sign its certificate; from
/// then on the certificate in its state directory is its identity. So is the instance id, which
/// tells a restarted agent from a second one of the same name.

#include <string>

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "wire/net/certificates.h"
#include "wire/net/endpoint.h"
#include "wire/net/http.h"

namespace khu::agent {

struct EnrolWish {
    std::string state_dir;
    std::string node;
    wire::net::Endpoint controller;
    std::string authority_file;   ///< the zone's ca.pem
    std::string join_token_file;  ///< needed only the first time
};

struct NodeIdentity {
    wire::net::Identity certificate;
    std::string authority;  ///< PEM
    std::string instance;
    std::string zone;  ///< empty until khud has been met in this run
};

/// Reads what is there, else joins; a certificate that has ended is replaced by joining again if
/// there is a join token. Waits up to a minute for khud. Errors: of the files, of khud's
/// refusal, N401 if a token is needed and none is given.
Expected<NodeIdentity, Refusal> enrol(const EnrolWish& wish);

/// khud's refusal, as far as its code is known here.
Refusal refusal_of(const wire::net::Response& response);

}  // namespace khu::agent
