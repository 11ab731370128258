#pragma once

/// \file
/// Roles by the names that people type and read: "zone_admin", "holder", "member", "auditor".

#include <string>
#include <vector>

#include "core/base/identity.h"

namespace khu::cli {

inline constexpr std::string_view kRoleChoices = "zone_admin|holder|member|auditor|meter";

/// Claims: `name` is one of kRoleChoices.
Role role_of(std::string_view name);
/// "holder,member".
std::string roles_text(const std::vector<Role>& roles);

}  // namespace khu::cli
