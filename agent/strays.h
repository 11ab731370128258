#pragma once

/// \file
/// What a shepherd left behind when it was itself killed: the only case in which processes of an
/// attempt are not below their shepherd. They are found by their control group, or else by a
/// variable in the environment they were started with. Not promised: without a control group, a
/// process that runs with another environment is missed.

#include <string>

namespace khu::agent {

/// Kills them and waits, at most about a second, until they are gone. How many were found.
/// `variable`: "KHU_STOP_FILE=/path", which no other attempt has. `group`: directory of the
/// attempt's group; empty: none.
int end_strays(const std::string& variable, const std::string& group);

}  // namespace khu::agent
