#pragma once

/// \file
/// Which keys of a policy are read and checked but obeyed only by a later release. `khu policy
/// check` and `apply` name them, so that nobody believes in a rule that nothing obeys. Who makes
/// such a key work takes it from the table in not_in_force.cc.

#include <string>
#include <vector>

#include "core/policy/policy.h"

namespace khu {

/// Of the key paths that a file writes, those without effect yet: "programmes.kn-80.pullback",
/// "fairshare". Each once, in the order given; of a section whose whole is without effect only the
/// section.
std::vector<std::string> not_in_force(const std::vector<std::string>& paths);

/// The same for a policy without its text: what differs from the usual.
std::vector<std::string> not_in_force(const Policy& policy);

}  // namespace khu
