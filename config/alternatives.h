#pragma once

/// \file
/// The alternatives of a job (`khu submit --any-of FILE`, `any-of:` of a job.yaml): a list, the
/// most wanted first. Each says in the long options of khu submit how it differs from the job; what
/// it leaves out is as in the job.
///
///     - {partition: gpu-a100, gpus-per-node: 4, time: 2h}
///     - {partition: gpu-l40, gpus-per-node: 8, time: 3h30m}
///
/// An alternative may have partition, nodes, gpus-per-node, cores-per-task, tasks-per-node, mem,
/// time and exclusive. A partition without a model of GPUs means that partition's.

#include <string>
#include <string_view>
#include <vector>

#include "config/job_options.h"
#include "config/yaml_tree.h"
#include "core/base/expected.h"
#include "core/policy/complaint.h"

namespace khu::config {

/// A whole file with nothing but the list. Errors: every complaint, each with its place. Never
/// throws.
Expected<Alternatives, std::vector<Complaint>> read_alternatives(std::string_view text,
                                                                 std::string file_name);

/// The list as a part of a file; adds to `complaints`.
Alternatives alternatives_of(const Node& list, const std::string& file_name,
                             std::vector<Complaint>& complaints);

}  // namespace khu::config
