#pragma once

/// \file
/// The MIG slices of this machine, as nvidia-smi and NVIDIA's kernel driver name them. hwloc shows
/// none, so nvidia-smi is asked once, when the agent starts:
///
///     --query-gpu=uuid,pci.bus_id,mig.mode.current --format=csv,noheader     which GPUs are cut
///     -L                                              the profile and UUID of each slice
///     -q -x                                           its GPU instance and compute instance
///
/// and /proc/driver/nvidia-caps/mig-minors which device files those two have. A GPU in MIG mode
/// whose slices cannot be told for certain is not offered at all, and never whole.
///
/// Source: NVIDIA Multi-Instance GPU User Guide, "Device Nodes and Capabilities"; nvidia-smi(1).

#include <string>
#include <vector>

#include "agent/probe/gpu_probe.h"
#include "core/base/units.h"
#include "core/topology/mig.h"

namespace khu::agent {

struct MigQuestion {
    std::string program{"nvidia-smi"};  ///< looked for in PATH if it has no slash
    Span timeout{seconds(30)};  ///< of each call: without persistence mode a call takes long
    std::string root;           ///< prefixed to /proc and /dev; tests give a directory
};

struct MigAnswer {
    std::vector<CutGpu> cut;         ///< GPUs that are not to be used whole
    std::vector<std::string> notes;  ///< why one of them is not offered, for the log
};

/// `gpus`: what the drivers say of them (probe_gpus); others than NVIDIA's are left alone. Without
/// nvidia-smi there are no slices; a GPU that NVML or /proc show to be cut is then not offered.
MigAnswer probe_mig(const std::vector<GpuFacts>& gpus, const MigQuestion& how);

}  // namespace khu::agent
