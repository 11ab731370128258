#pragma once

/// \file
/// GPUs that are cut into MIG slices: what a profile's name says, and an inventory in which such a
/// GPU is replaced by its slices. Who asks the driver is agent/probe/mig_probe.h.
///
/// Source: NVIDIA Multi-Instance GPU User Guide, "MIG Device Names".

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/expected.h"
#include "core/topology/inventory.h"

namespace khu {

struct MigSlice {
    std::string profile;  ///< "3g.40gb"
    std::string uuid;
    Bytes memory;
    std::vector<std::string> devices;  ///< device files that a job needs
    bool operator==(const MigSlice&) const = default;
};

/// A GPU that is not to be used whole.
struct CutGpu {
    std::string pci;  ///< as Gpu::pci
    std::vector<MigSlice> slices;
};

/// The memory that a profile's name says: 40 GB of "3g.40gb", "1c.3g.40gb" and "3g.40gb+me"; none
/// if it is not such a name.
std::optional<Bytes> memory_of_profile(std::string_view profile);

/// Leaves out the GPUs of which `keep` says false, and their links.
void keep_gpus(Inventory& inventory, const std::function<bool(const Gpu&)>& keep);

/// Puts the slices of each in its place; whole GPUs come first, then slices by their GPU. A GPU
/// without slices is gone.
void cut_gpus(Inventory& inventory, const std::vector<CutGpu>& cut);

/// Slices of a GPU that a file presents: "3g.40gb,2g.20gb,2g.20gb".
/// Errors: the name that is not one of a profile.
Expected<std::vector<MigSlice>, std::string> presented_slices(const std::string& pci,
                                                              std::string_view profiles);

}  // namespace khu
