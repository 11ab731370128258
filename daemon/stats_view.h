#pragma once

/// \file
/// What waiting jobs are told of their start, and the statistics of waits, in the API's words.

#include <map>
#include <optional>

#include "core/machine/state.h"
#include "core/schedule/forecast.h"
#include "wire/standing.h"
#include "wire/stats.h"

namespace khu::daemon {

/// Of every partition where somebody waits. A few milliseconds each.
std::map<JobId, JobEta> etas_now(const State& state, Moment now);
/// As things stand now; none if it cannot be said, or the job does not wait.
std::optional<wire::EtaView> eta_view(const State& state, const Job& job, Moment now);
wire::EtaView eta_view(const JobEta& eta);
/// None if nothing was said.
std::optional<wire::FirstEtaView> first_eta_view(const Job& job);

/// Days since 1970, both included, in the zone's time.
struct StatsAsked {
    EnterpriseId enterprise;  ///< empty: all
    std::int64_t from_day{0};
    std::int64_t to_day{0};
};
wire::StatsAnswer statistics(const State& state, const StatsAsked& asked);

}  // namespace khu::daemon
