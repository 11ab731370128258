#pragma once

/// \file
/// Why a queued job waits, as data. Worked out when somebody asks, so that rounds stay cheap; what
/// it says of the future assumes that running attempts use their whole time limits.

#include <functional>
#include <optional>

#include "core/base/refusal.h"
#include "core/schedule/memo.h"
#include "core/schedule/preempt.h"
#include "core/schedule/queue.h"

namespace khu {

/// Whether the job, in that way, may ask borrowers to leave; empty: none may.
using Reclaims = std::function<bool(JobId, int alternative)>;

struct WhyInput {
    ZoneView zone;
    const PreemptionRule& rule;
    const Queue& queue;
    const RoundMemo& memo;
    Reclaims reclaims{};
};

/// What admission said of it, NotBefore (A124), NodesUnavailable (A121), BehindOthers (A125),
/// ResourcesBusy (A120), PlacePromised (A140), ReservationAhead (A142) or ReservationFull (A145);
/// none for a held job, and for one that the next round will look at.
/// Claims: the job is queued.
std::optional<Reason> why_waiting(const WhyInput& input, JobId job, int alternative, Moment now);
/// Of a job with alternatives: of the one that has a reservation, else of the first that only waits
/// for nodes, else of the first; none if the next round will look at one of them.
std::optional<Reason> why_waiting(const WhyInput& input, JobId job, Moment now);

/// The part of it that is about nodes, whatever admission says: A121, A120, A140, or A125 where the
/// job fits and the nodes are reserved for a job before it or promised to another; none if it could
/// be placed.
/// Claims: the job is queued.
std::optional<Reason> why_no_place(const WhyInput& input, JobId job, int alternative, Moment now);

}  // namespace khu
