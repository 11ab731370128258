#pragma once

/// \file
/// Which handler answers which method and path; what needs a caller has one before it is called.

#include "daemon/http/call.h"

namespace khu::daemon {

/// What it counts for to watch events (limits.h: rates): the past may be read.
inline constexpr int kWatchCost = 20;

/// Who asks, if they may ask now. Errors, as the answer to send: N401, N402, H429.
Expected<Caller, wire::net::Response> admit(Services& services, const wire::net::Request& request,
                                            int cost);

/// Answers `request`: authenticates, finds the route, calls its handler. Errors: H404, and those of
/// admit().
void serve(Services& services, wire::net::Request&& request, wire::net::Responder responder);

/// GET /v1/events as a WebSocket.
void watch_events_by_socket(Services& services, wire::net::Request&& request,
                            const wire::net::Upgrade& upgrade);

}  // namespace khu::daemon
