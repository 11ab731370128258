#pragma once

/// \file
/// From options, a command, a script or a job file to the request that is sent. What can be seen to
/// be wrong here is refused here, before anything is sent: a value that is not of its form, a
/// script that is a directory, unreadable, too large or no text. Whether the zone has such nodes
/// and who pays is for khud to say.

#include <string>
#include <vector>

#include "cli/session.h"
#include "wire/api.h"

namespace khu::cli {

struct JobRequest {
    wire::SubmitRequest request;
    std::vector<std::string> notes;  ///< lines of the script that are understood but not honoured
};

/// The first operand is a script if it is a file that begins with "#!" or is named like one (.sh,
/// .slurm, .sbatch, .job), a job file if it ends in .yaml or .yml, else a command; behind "--"
/// always a command. `of_command` is the launcher of a command for which none is named. Options win
/// over lines of the script or job file. For a quote nothing need be named: what runs does not
/// change the price.
enum class For { Start, Quote };
Expected<JobRequest, Failure> job_request(const Session& session, Launcher of_command,
                                          For what = For::Start);

}  // namespace khu::cli
