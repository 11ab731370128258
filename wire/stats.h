#pragma once

/// \file
/// GET /v1/stats: how long jobs waited in a span of days, how often what was said of their start
/// held, and how the free GPUs lie now. An enterprise sees its own jobs, admins and auditors all.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"

namespace khu::wire {

/// Jobs that started for the first time on those days. Percentiles are at most 25 % too high.
struct WaitStatsRow {
    std::string programme;       ///< empty: all
    std::int64_t gpus_from{0};   ///< of the whole job
    std::int64_t gpus_up_to{0};  ///< with gpus_from 0: no GPUs; -1: any number
    std::int64_t jobs{0};
    std::int64_t wait_mean_s{0}, wait_p50_s{0}, wait_p90_s{0}, wait_p99_s{0}, wait_max_s{0};
    std::int64_t eta_given{0};  ///< of those jobs: were told when they would start
    std::int64_t eta_within{0}, eta_sooner{0}, eta_later{0};
    std::int64_t eta_hit_permille{0};
    std::int64_t eta_width_mean_s{0};   ///< of the interval
    std::int64_t eta_missed_mean_s{0};  ///< how far outside, of those outside
};
KHU_DESCRIBE(WaitStatsRow, programme, gpus_from, gpus_up_to, jobs, wait_mean_s, wait_p50_s,
             wait_p90_s, wait_p99_s, wait_max_s, eta_given, eta_within, eta_sooner, eta_later,
             eta_hit_permille, eta_width_mean_s, eta_missed_mean_s)

/// Nodes on which a job of at most so many GPUs would fit now, and their free GPUs.
struct FragmentRow {
    PartitionId partition;
    std::int64_t fits_gpus{0};
    std::int64_t nodes{0};
    std::int64_t gpus_free{0};
};
KHU_DESCRIBE(FragmentRow, partition, fits_gpus, nodes, gpus_free)

struct StatsAnswer {
    std::string from_day, to_day;     ///< "2026-03-02", both included, in the zone's time
    std::vector<WaitStatsRow> waits;  ///< all, by programme, by size, by both
    std::vector<FragmentRow> fragmentation;
};
KHU_DESCRIBE(StatsAnswer, from_day, to_day, waits, fragmentation)

}  // namespace khu::wire
