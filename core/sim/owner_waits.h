#pragma once

/// \file
/// The claim about who owns GPUs that are lent out; the number is that of the project's list of
/// invariants.
///
///     I-36 no owner waits for a ripe borrower: where the first job in line is an owner's and waits
///          for nodes, there is no attempt without which alone it would start, that has borrowed
///          what it has and has had the time that it was sure of, and was not told to leave

#include <optional>
#include <string>

#include "core/machine/state.h"

namespace khu::sim {

/// How the claim is broken; none if it holds, or if a round is due. Looks at jobs of one node that
/// may stand anywhere.
std::optional<std::string> owner_kept_waiting(const State& state, Moment now);

}  // namespace khu::sim
