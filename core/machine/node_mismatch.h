#pragma once

/// \file
/// What a node reports against what the policy says of its partition. A job asks for GPUs of its
/// partition's model, so a node with others is never chosen (core/placement); this says why.

#include <optional>

#include "core/base/refusal.h"
#include "core/machine/state.h"

namespace khu {

/// OtherGpuModel A118 if the node has none of the GPUs of its partition, or none of the MIG slices
/// that the partition offers; null if it has, or if it is in none that has GPUs.
std::optional<Reason> gpu_mismatch(const Policy& policy, const NodeRecord& node);

}  // namespace khu
