#pragma once

/// \file
/// What the first operand of submit, run and quote is: a command, a script with its #KHU and
/// #SBATCH lines, or a job file.

#include "cli/job_request.h"

namespace khu::cli {

/// The request of a script or job file; for a command an empty one. Refusals: J310 and J311, and
/// A137 for a script that is given arguments.
Expected<JobRequest, Failure> read_job_input(const Session& session);

}  // namespace khu::cli
