#pragma once

/// \file
/// One name per GPU model, however the device spells itself: the name that the policy's weights and
/// the jobs use.

#include <string_view>

#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu {

/// "NVIDIA H100 80GB HBM3" -> "h100", "Tesla V100-SXM2-16GB" -> "v100", "AMD Instinct MI250X" ->
/// "mi250x". A model that is sold with two sizes of memory says which one where it is not the first
/// ("a100" has 40 GB, "a100-80" 80 GB); if the product's name does not say, `memory` (0: unknown)
/// does. Of an unknown product: its words in lower case, joined by dashes. Never empty.
GpuModel normalise_gpu_model(std::string_view product, Bytes memory);

/// The model of a MIG slice: that of its GPU and NVIDIA's name of the profile in the letters that a
/// policy's names may have: "h100" and "1g.10gb" -> "h100-1g-10gb", "1g.10gb+me" ->
/// "h100-1g-10gb-me".
GpuModel slice_model(const GpuModel& gpu, std::string_view profile);
/// Whether a model's name is that of a slice.
bool is_slice_model(const GpuModel& model);

}  // namespace khu
