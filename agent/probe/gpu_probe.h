#pragma once

/// \file
/// What the makers' drivers say of this machine's GPUs: names, memory and the device files that a
/// job needs. NVIDIA's library is looked for when the agent runs (dlopen), so nothing of it is
/// needed to build or to start; where it is missing, /proc and /sys answer as far as they can.

#include <string>
#include <vector>

#include "core/base/units.h"

namespace khu::agent {

/// Whether the driver says that a GPU is cut into MIG slices.
enum class MigMode { Unknown, Off, On };

struct GpuFacts {
    std::string pci;      ///< "0000:1b:00.0"
    std::string product;  ///< empty if the driver does not say
    std::string uuid;
    Bytes memory;                      ///< 0 if the driver does not say
    std::vector<std::string> devices;  ///< those that exist: "/dev/nvidia0", "/dev/dri/renderD128"
    MigMode mig{MigMode::Unknown};
};

/// Of every GPU that a driver serves, ascending by PCI address; empty without drivers.
/// `root` is prefixed to /proc, /sys and /dev; tests give a directory.
std::vector<GpuFacts> probe_gpus(const std::string& root = "");

/// "00000000:1B:00.0" (NVML, /proc) -> "0000:1b:00.0" (hwloc, /sys).
std::string normal_pci(std::string_view address);

}  // namespace khu::agent
