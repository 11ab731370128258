#pragma once

/// \file
/// Reads a topology file as text and refuses what is not a whole hwloc 2 (or 1) XML document,
/// before hwloc sees it: its parser forgives too much and says too little.

#include <cstdint>
#include <string>

#include "core/base/expected.h"
#include "core/base/refusal.h"

namespace khu::agent {

/// The largest topology file known (2,048 PUs) is 0.8 MB.
inline constexpr std::int64_t kTopologyBytesMax = 16LL << 20;

/// Errors: TopologyUnreadable, TopologyTooLarge, TopologyNewer, TopologyDamaged.
Expected<std::string, Refusal> read_topology_file(const std::string& path);

Refusal damaged_topology(const std::string& path, const std::string& why);

}  // namespace khu::agent
