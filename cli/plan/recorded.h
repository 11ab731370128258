#pragma once

/// \file
/// What a zone has really run, as a trace, and its own nodes and policy to replay it with: `khu
/// plan
/// --last`. All of it comes through the API, so that everybody replays what he may see.

#include "cli/plan/settings.h"
#include "cli/plan/trace_file.h"

namespace khu::cli {

/// The jobs that ended within the last `--last`, in the order of their submission; each ran as long
/// as its last attempt. Errors: khud's; a span that is none; no job.
Expected<Trace, Failure> recorded_jobs(Session& session);

/// The zone's nodes as their agents measured them (those with GPUs, where there are some) and the
/// policy in force, for what the command line does not name. Errors: khud's.
Expected<Setting, Failure> zone_as_it_is(Session& session);

}  // namespace khu::cli
