#pragma once

/// \file
/// A job that lives: its spec, its phase and what is needed to go on. A finished job leaves memory
/// when its end is stored; it stays readable in the store's history.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/jobs/phase.h"
#include "core/jobs/spec.h"

namespace khu {

/// How far an array is.
struct ArrayProgress {
    std::vector<std::uint64_t> waiting;  ///< a bit for each index that is no job of its own yet
    int waiting_count{0};
    int queued{0};  ///< elements that wait for resources
    int live{0};    ///< those and the ones that run
    int ended{0};
    int failed{0};                        ///< of those that ended
    EndCause cause{EndCause::Completed};  ///< of the first that failed
    int exit_code{0};                     ///< the same
    bool operator==(const ArrayProgress&) const = default;
};
KHU_DESCRIBE(ArrayProgress, waiting, waiting_count, queued, live, ended, failed, cause, exit_code)

/// What the job itself said (`khu checkpoint`): it can go on from there.
struct Checkpoint {
    AttemptNumber attempt;   ///< of which it was said; 0: none
    std::uint64_t stamp{0};  ///< rises with each one of an attempt
    Moment at;
    std::string path;
    bool operator==(const Checkpoint&) const = default;
};
KHU_DESCRIBE(Checkpoint, attempt, stamp, at, path)

/// What was first said of its start, and when that came.
struct StartEstimate {
    Moment given_at;  ///< 0: nothing was said
    Moment early;
    Moment late;
    Moment started_at;  ///< its first attempt; 0: not yet
    bool operator==(const StartEstimate&) const = default;
};
KHU_DESCRIBE(StartEstimate, given_at, early, late, started_at)

/// How often the job's attempts gave way, and the last time.
struct GaveWay {
    JobId to;
    Moment at;
    int times{0};
    bool operator==(const GaveWay&) const = default;
};
KHU_DESCRIBE(GaveWay, to, at, times)

struct Job {
    JobId id;
    JobSpec spec;
    Phase phase;
    Moment submitted_at;
    AttemptNumber attempts;  ///< number of the last attempt; 0: none yet
    int infrastructure_fails{0};
    bool cancel_requested{false};
    bool blocked{false};            ///< waits for other jobs: spec.when->after
    bool others_gave_way{false};    ///< to this job; then it never gives way itself
    Span predicted;                 ///< run time expected at submission; only orders jobs
    Boxed<ArrayProgress> progress;  ///< of an array
    NodeId suspect;  ///< node blamed for the last failure, avoided if another fits; 0: none
    Boxed<Checkpoint> checkpoint;  ///< the last one
    Boxed<StartEstimate> eta;
    Boxed<GaveWay> gave_way{};
    QosId asked_qos{};     ///< while it is at another one; empty: it is not
    bool at_floor{false};  ///< stands before all others until it starts; core/machine/floor.h
    bool operator==(const Job&) const = default;
};
KHU_DESCRIBE(Job, id, spec, phase, submitted_at, attempts, infrastructure_fails, cancel_requested,
             predicted, blocked, progress, suspect, checkpoint, eta, gave_way, asked_qos,
             others_gave_way, at_floor)

/// The attempt that has resources now; null for a job that is queued or done.
const Attempt* live_attempt(const Job& job);
Attempt* live_attempt(Job& job);

/// The last checkpoint that its live attempt declared; none: an end now loses all of it.
std::optional<Moment> saved_at(const Job& job);

}  // namespace khu
