#pragma once

/// \file
/// A job that lives: its spec, its phase and what is needed to go on. A finished job leaves memory
/// when its end is stored; it stays readable in the store's history.

#include <cstdint>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/jobs/phase.h"
#include "core/jobs/spec.h"

namespace khu {

struct Job {
    JobId id;
    JobSpec spec;
    Phase phase;
    Moment submitted_at;
    AttemptNumber attempts;  ///< number of the last attempt; 0: none yet
    int infrastructure_fails{0};
    bool cancel_requested{false};
    Span predicted;  ///< run time expected at submission; only orders jobs
    NodeId suspect;  ///< node blamed for the last failure, avoided if another fits; 0: none
    bool operator==(const Job&) const = default;
};
KHU_DESCRIBE(Job, id, spec, phase, submitted_at, attempts, infrastructure_fails, cancel_requested,
             predicted, suspect)

/// The attempt that has resources now; null for a job that is queued or done.
const Attempt* live_attempt(const Job& job);
Attempt* live_attempt(Job& job);

}  // namespace khu
