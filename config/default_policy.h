#pragma once

/// \file
/// The policy that a fresh khud starts with: the zone's name and nothing else. No partition,
/// programme or enterprise, so nobody can submit until the zone's admin applies a real one, which
/// need not name this one in `supersedes` (is_start_policy).

#include <string>

#include "core/base/ids.h"

namespace khu::config {

/// Its YAML text; policy id "<zone>-default". Claims: `zone` is an identifier ([a-z0-9-]{1,40}).
std::string default_policy_text(const ZoneId& zone);

}  // namespace khu::config
