#pragma once

/// \file
/// What a replay is judged by. Times are whole seconds, means in thousandths of a second (or of 1,
/// for slowdowns), so that two runs give the same bytes. Wait = start - submit; JCT = end - submit;
/// bounded slowdown = max(1, JCT / max(run, 10 s)), D. Feitelson, "Metrics for parallel job
/// scheduling", 1998. Utilisation = GPU-seconds (node-seconds, core-seconds) used over those
/// installed between the first submission and the last start. Percentiles are nearest-rank.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/plan/replay.h"

namespace khu::plan {

struct Spread {
    std::int64_t mean_milli{0};
    std::int64_t p50{0};
    std::int64_t p90{0};
    std::int64_t p99{0};
    std::int64_t max{0};
    bool operator==(const Spread&) const = default;
};

struct EnterpriseMeasures {
    std::string name;
    std::int64_t jobs{0};
    Spread wait_s;
    std::int64_t gpu_seconds{0};  ///< node- or core-seconds on a machine without GPUs
    std::int64_t mean_jct_milli{0};
};

/// What the idle load made of what was left.
struct IdleMeasures {
    std::int64_t completed{0};             ///< attempts
    std::int64_t told{0};                  ///< attempts that gave way
    std::int64_t gpu_seconds{0};           ///< of all
    std::int64_t lost_gpu_seconds{0};      ///< of those that gave way
    std::int64_t utilisation_permille{0};  ///< of the machine, the jobs of the trace and these
    std::int64_t made_way{0};              ///< starts that waited for attempts to leave
    std::int64_t longest_way_s{0};         ///< and the longest of those waits
};

struct Measures {
    std::int64_t jobs{0};      ///< that ran
    std::int64_t rejected{0};  ///< that never could
    std::map<std::string, std::int64_t> rejected_by_code;
    Spread wait_s;
    Spread jct_s;
    Spread slowdown_milli;  ///< p50 to max in thousandths too
    Spread wide_wait_s;     ///< of the widest 1 % of the jobs (at least one)
    std::int64_t utilisation_permille{0};
    std::int64_t makespan_s{0};
    std::int64_t reclaimed{0};                    ///< attempts that gave back borrowed GPUs
    WaitCounts etas;                              ///< what was said of starts, if it was
    std::int64_t gini_permille{0};                ///< of the tenants' mean waits: 0 all alike
    std::vector<EnterpriseMeasures> enterprises;  ///< by name
    std::optional<IdleMeasures> idle;             ///< with an idle load
};

Measures measure(const PlannedZone& zone, const std::vector<TraceJob>& jobs,
                 const ReplayResult& result);

/// Of the jobs that were told when they start: started inside the interval, in thousandths, and the
/// interval's mean length. 0 if none was told.
std::int64_t eta_hit_permille(const WaitCounts& etas);
std::int64_t eta_width_milli(const WaitCounts& etas);

/// Use and queue over time for a picture: one point each `step`, from the first submission.
struct Sample {
    std::int64_t at_s{0};
    std::int64_t used_permille{0};  ///< mean over the step
    std::int64_t waiting{0};        ///< jobs, at its end
};
std::vector<Sample> sample(const PlannedZone& zone, const std::vector<TraceJob>& jobs,
                           const ReplayResult& result, std::size_t points);

}  // namespace khu::plan
