#pragma once

/// \file
/// Reads what nvidia-smi prints. Pure: text in, structs out, and none where the text is not of the
/// documented form.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/units.h"

namespace khu::agent {

/// A line of --query-gpu=uuid,pci.bus_id,mig.mode.current --format=csv,noheader.
struct SmiMode {
    std::string uuid;
    std::string pci;  ///< as hwloc writes it
    bool cut{false};
    bool operator==(const SmiMode&) const = default;
};
std::optional<std::vector<SmiMode>> read_modes(std::string_view csv);

/// A MIG device of -L:
///
///     GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-8e10...)
///       MIG 3g.40gb     Device  0: (UUID: MIG-dcf4...)
struct SmiSlice {
    std::string gpu;  ///< its UUID
    int index{0};     ///< "Device"
    std::string profile;
    std::string uuid;
    bool operator==(const SmiSlice&) const = default;
};
std::optional<std::vector<SmiSlice>> read_slices(std::string_view list);

/// A <mig_device> of -q -x.
struct SmiInstance {
    std::string pci;  ///< of its <gpu id="...">, as hwloc writes it
    int index{0};
    int gpu_instance{0};
    int compute_instance{0};
    Bytes memory;  ///< 0 if it does not say
    bool operator==(const SmiInstance&) const = default;
};
std::optional<std::vector<SmiInstance>> read_instances(std::string_view xml);

}  // namespace khu::agent
