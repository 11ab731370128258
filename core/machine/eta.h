#pragma once

/// \file
/// What jobs that wait are told of their start (forecast.h), and which of them have not been told
/// yet. What is said first is a fact, so that it can be held against what came (wait_stats.h); what
/// is shown later is worked out anew.

#include <optional>
#include <vector>

#include "core/machine/state.h"
#include "core/schedule/forecast.h"

namespace khu {

/// Of the first jobs of the partition as things stand now; see limits::forecast_jobs_max.
std::vector<JobEta> etas_of(const State& state, const PartitionId& partition, Moment now);

/// Of every partition. A job with alternatives in several is told the earliest of them.
std::vector<JobEta> etas_of(const State& state, Moment now);
/// Of one job; none if nothing can be said of it.
std::optional<JobEta> eta_of(const State& state, const Job& job, Moment now);

/// It waits for its first start, and nothing was said of that yet.
bool may_be_told(const Job& job);

namespace apply_detail {

/// The job is queued and has been told nothing.
void await_eta(State& state, const Job& job, Moment now);
/// Its first attempt takes its resources.
void count_first_start(State& state, Job& job, Moment at);

}  // namespace apply_detail
}  // namespace khu
