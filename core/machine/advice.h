#pragma once

/// \file
/// Why a job waits and what would start it now. Every blocker is found by itself, so that taking
/// one away never uncovers another that was not named; and the smallest change of the request that
/// the next round would start is searched with the same rules as the round's: hold, limits,
/// devices, and the reservations of jobs before it. A change is one dimension
/// of the request, and is named only if it is certain to do; that none is named means that no
/// single one is.

#include <optional>
#include <vector>

#include "core/base/refusal.h"
#include "core/machine/state.h"
#include "core/schedule/ordering.h"

namespace khu {

/// What of the request is changed.
enum class ChangeKind { ShorterTime, FewerNodes, FewerGpus, OtherPartition, OtherProgramme };
KHU_DESCRIBE_ENUM(ChangeKind, ShorterTime, FewerNodes, FewerGpus, OtherPartition, OtherProgramme)

struct Change {
    ChangeKind kind{};
    JobSpec to;
    int loss_permille{0};  ///< of the GPU time (or core time) asked for
};

struct Advice {
    std::vector<Reason> blockers;  ///< money and limits first, then devices, then jobs before it
    std::vector<Change> changes;   ///< each starts the job now; the smallest loss first
};

/// Of a queued job (of its first alternative) that is neither held nor asleep, after rounds have
/// settled. The state is unchanged on return; it is not const because placing borrows devices.
Advice advise(State& state, const Job& job, Moment now);
/// The same of one of its alternatives: what keeps that one, and what would start it.
Advice advise(State& state, const Job& job, int way, Moment now);

/// Whether a round would start the job now with `spec` instead of its own.
bool would_start(State& state, const Job& job, const JobSpec& spec, Moment now);

}  // namespace khu
