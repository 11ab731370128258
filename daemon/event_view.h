#pragma once

/// \file
/// A fact as those who watch see it. What a fact says in general (its job, its node, who did it) is
/// found by the names of its members, so that a new kind of fact is shown without being listed
/// here; amounts, devices and texts of policies are left to the listings.

#include "core/machine/apply.h"
#include "core/machine/state.h"
#include "wire/event.h"

namespace khu::daemon {

/// On the engine's deciding thread. The enterprise is empty if the fact is of a job that `state` no
/// longer has.
wire::Event event_of(const State& state, const Stamped& fact);

}  // namespace khu::daemon
