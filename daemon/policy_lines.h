#pragma once

/// \file
/// Where the limits of a policy stand is not stored, for its text is. Whoever loads the text from
/// the store makes it anew, also for policies that were applied before limits were cited.

#include "core/machine/events.h"
#include "core/machine/state.h"

namespace khu::daemon {

/// Of a fact that brings a policy; any other stays as it is.
void find_lines(Fact& fact);
/// Of the policy in force, and of the one that is scheduled.
void find_lines(Truth& truth);

}  // namespace khu::daemon
