#pragma once

/// \file
/// Answers that the caller may have already: a GET's answer carries an ETag, and one whose ETag the
/// caller names in If-None-Match is 304 without a body (RFC 9110, 13.1.2). It spares the network,
/// not khud: the answer is made all the same, so that it can never be stale.

#include "wire/net/http.h"

namespace khu::daemon {

/// `response` as the caller of `request` gets it. An ETag that it has already stays; otherwise it
/// is made of the body.
wire::net::Response conditional(const wire::net::Request& request, wire::net::Response response);

/// Whether one of the tags of `header` ("\"a\", W/\"b\"" or "*") is `tag`. As If-None-Match
/// compares them: weakly.
bool names_tag(std::string_view header, std::string_view tag);

}  // namespace khu::daemon
