#pragma once

/// \file
/// A job as one caller may see it, live or ended. Somebody else's is as unknown as one that never
/// was.

#include "daemon/http/call.h"

namespace khu::daemon {

/// The job that the path names; none if it is no number, and then the refusal has been sent.
std::optional<JobId> job_in_path(const Call& call);
/// Errors: J300.
Expected<wire::JobView, Refusal> visible_job(const Call& call, State& state, JobId id, Moment now);
wire::JobView view_of(const HistoryRow& row);

}  // namespace khu::daemon
