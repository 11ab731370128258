#pragma once

/// \file
/// Which MIG slices a job takes of one node. Of one GPU and model one slice is as good as another,
/// so the choice is among sets of GPUs, not of slices: 16 at most. It equals trying every set of
/// slices (tests/core/placement/slices_property_test.cc does).

#include <cstdint>

#include "core/jobs/spec.h"
#include "core/placement/node_state.h"

namespace khu {

/// The best shape.gpus (> 0) of the `free` slices, all of one model, by score_set() of fit.h.
/// Claims: there are that many.
GpuMask best_slices(const NodeState& state, GpuMask free, const Shape& shape);

/// What taking those slices does to the GPUs that they are cut from: in the high 32 bits of how
/// many nobody used anything before, in the low how many of their slices stay free.
std::uint64_t cut_into(const NodeState& state, GpuMask slices);

}  // namespace khu
