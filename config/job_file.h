#pragma once

/// \file
/// A job described in YAML, for `khu submit job.yaml`. Its keys are the long options of khu submit,
/// and what a command line has beside them:
///
///     name: train
///     nodes: 2
///     gpus-per-node: 8:h100
///     time: 2h30m
///     requeue: true                 # flags are true or false
///     env: {OMP_NUM_THREADS: "4"}
///     any-of:                       # alternatives, see alternatives.h; any_of is understood too
///       - {partition: gpu-h100, nodes: 2}
///       - {partition: gpu-l4, nodes: 4, time: 5h}
///     command: [python3, train.py]  # or  script: |  with the script's lines; exactly one of them
///
/// Read by the same strict reader as policies, with the same codes (docs/refusals/policy.md).

#include <string>
#include <string_view>
#include <vector>

#include "config/job_options.h"
#include "core/base/expected.h"
#include "core/policy/complaint.h"

namespace khu::config {

struct JobFile {
    std::vector<JobOption> options;  ///< in the order of the file; env entries as "NAME=VALUE"
    std::vector<std::string> command;
    std::string script;
    Submission submission;  ///< what all of it says together
};

/// Errors: every complaint, each with its place. Never throws.
Expected<JobFile, std::vector<Complaint>> read_job_file(std::string_view text,
                                                        std::string file_name,
                                                        const JobClock& clock);

}  // namespace khu::config
