#pragma once

/// \file
/// The output of a job as it is written, on standard output. A broken connection is made again
/// where the last piece ended, so that nothing comes twice and nothing is missing.

#include <string>

#include "cli/session.h"
#include "wire/api.h"

namespace khu::cli {

struct Output {
    JobId job;
    std::string stream{};  ///< "output", "error"; empty: output
    std::string node{};    ///< empty: the first of the job
    bool follow{false};    ///< until the job has ended
};

/// Errors: khud's refusals; Interrupted when Ctrl-C was caught (catch_interrupts()).
Expected<Done, Failure> print_output(Session& session, const Output& output);

}  // namespace khu::cli
