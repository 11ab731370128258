#pragma once

/// \file
/// Which jobs wait for which. Whether a job is blocked is a fact (JobQueued says it,
/// DependenciesMet ends it); this keeps the index from a job to those that wait for it, and finds
/// out at each start and end which of them are settled: all is met, or something can never be met
/// any more.
///
/// A dependency of a blocked job is met exactly if the other job is no longer live (had it ended
/// otherwise than asked, the blocked one would have been dropped at once), or if a start was waited
/// for and it has begun.

#include <optional>
#include <string>

#include "core/base/expected.h"
#include "core/base/identity.h"
#include "core/base/refusal.h"
#include "core/machine/state.h"

namespace khu {

/// Writes `singleton` out, drops what is met already, and says whether anything is left to wait
/// for. `spec` is of a job not yet queued.
/// Errors: J320 (unknown), J321 (can never be met), A130 (too many).
Expected<bool, Refusal> settle_dependencies(const State& state, const Identity& who, JobSpec& spec);

/// The first job that a blocked one waits for; null if it is not blocked.
const Dependency* waits_for(const State& state, const Job& job);

namespace apply_detail {

void index_dependencies(State& state, const Job& job);
void unindex_dependencies(State& state, const Job& job);
/// The job has begun to run.
void dependency_started(State& state, JobId job);
/// It has left memory for good.
void dependency_ended(State& state, const Job& job, EndCause cause);

}  // namespace apply_detail
}  // namespace khu
