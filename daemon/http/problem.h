#pragma once

/// \file
/// A refusal as the API answers it: RFC 9457 problem details with our code.

#include <string_view>

#include "core/base/refusal.h"
#include "wire/api.h"
#include "wire/net/http.h"

namespace khu::daemon {

wire::net::Response problem(const Refusal& refusal, Language language);
/// A reason as the API shows it.
wire::Explained explained(const Refusal& refusal, Language language);
/// Vietnamese if the Accept-Language header prefers it.
Language language_of(const wire::net::Request& request);

}  // namespace khu::daemon
