#pragma once

/// \file
/// Replays a trace through the production code under virtual time: the zone's machine decides and
/// applies as in khud, its agents are faithful and instant, and each attempt ends exactly after the
/// job's true duration, which the scheduler does not see unless it may. The same input gives the
/// same result, byte for byte.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/refusal.h"
#include "core/plan/planned_zone.h"
#include "core/plan/trace.h"
#include "core/schedule/wait_stats.h"

namespace khu::plan {

/// What became of one job of the trace, in its order.
struct Replayed {
    std::optional<Span> start;  ///< the first, from the first submission; none: refused, or never
    Span end;                   ///< the last
    std::string refused;        ///< code; empty: admitted
};

/// One attempt of the idle load; times as those of Replayed. What runs when the last job of the
/// trace has ended is cut off there.
struct IdleRun {
    Span start;
    Span end;
    bool told{false};  ///< to give way
};

struct IdleResult {
    std::vector<IdleRun> runs;
    std::int64_t made_way{0};  ///< jobs of the trace for which attempts were told to leave
    Span longest_way;          ///< from then to such a job's start
};

struct ReplayResult {
    std::vector<Replayed> jobs;
    std::map<std::string, Refusal> refusals;  ///< by code: the first of each, with its numbers
    std::int64_t rounds{0};
    std::int64_t reclaimed{0};  ///< attempts of the trace that gave back borrowed GPUs
    WaitCounts waits;           ///< of all jobs; what was said of starts only if it was asked for
    IdleResult idle;
};

/// Called now and then with the number of jobs that have ended or were refused.
using Progress = std::function<void(std::size_t)>;

/// Claims: `jobs` stand in the order of their submission.
/// `etas`: jobs that wait are told when they will start, as in khud, which changes no decision.
ReplayResult replay(const PlannedZone& zone, const std::vector<TraceJob>& jobs, Runtimes runtimes,
                    const Progress& progress = {}, bool etas = false);

}  // namespace khu::plan
