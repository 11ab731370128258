#pragma once

/// \file
/// Which keys of a policy are read and checked but obeyed only by a later release. `khu policy
/// check` and `apply` name them, so that nobody believes in a rule that nothing obeys. Who makes
/// such a key work takes it from the list in not_in_force.cc.

#include <string>
#include <vector>

#include "core/policy/policy.h"

namespace khu {

/// Key paths that the policy uses, in the file's order: "programmes.kn-80.pullback", "fairshare".
std::vector<std::string> not_in_force(const Policy& policy);

}  // namespace khu
