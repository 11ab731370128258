#pragma once

/// \file
/// Which handler answers which method and path; what needs a caller has one before it is called.

#include "daemon/http/call.h"

namespace khu::daemon {

/// Answers `request`: authenticates, finds the route, calls its handler. Errors: H404, N401, N402.
void serve(Services& services, wire::net::Request&& request, wire::net::Responder responder);

}  // namespace khu::daemon
