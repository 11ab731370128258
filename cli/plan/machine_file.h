#pragma once

/// \file
/// The machine that a trace is replayed on, from a small YAML file (docs/formats/trace.md):
///
///     {nodes: 80, gpus_per_node: 8}     nodes with GPUs that all reach one another; beside them
///                                       cores_per_node (for jobs without GPUs) and rack_of
///     {nodes: 100}                      whole nodes, whatever is in them
///     {cores: 2176}                     one pool of processors
///     {classes: [{count: 16, topology: node.json, rack_of: 4}]}   nodes as they were measured
///
/// and, beside `nodes`, `tenants: {NAME: {nodes: 64}}` for nodes that only one tenant's jobs use.
/// Read by the strict reader of policies.

#include <string>
#include <string_view>
#include <vector>

#include "cli/plan/trace_file.h"
#include "core/base/expected.h"
#include "core/plan/trace.h"
#include "core/policy/complaint.h"

namespace khu::cli {

struct MachineFile {
    plan::Machine machine;
    Counted counted{Counted::Gpus};
};

/// Topologies are found from the folder of `path`. Errors: every complaint. Never throws.
Expected<MachineFile, std::vector<Complaint>> read_machine(const std::string& path);

}  // namespace khu::cli
