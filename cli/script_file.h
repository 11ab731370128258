#pragma once

/// \file
/// What the first operand of submit, run and quote is: a command, a script with its #KHU and
/// #SBATCH lines, or a job file.

#include <string>
#include <vector>

#include "cli/session.h"
#include "config/job_options.h"

namespace khu::cli {

struct JobInput {
    config::Submission submission;
    std::vector<std::string> notes;  ///< what is understood and not honoured, a line each
};

/// What a script or job file says; for a command nothing. Refusals: J310 and J311, A137 for a
/// script that is given arguments, and every complaint about the file's own lines.
Expected<JobInput, Failure> read_job_input(const Session& session);

/// The list of --any-of, if there is one. Refusals: J313, and every complaint about the file.
Expected<Done, Failure> read_any_of(const Session& session, config::Submission& job);

}  // namespace khu::cli
