#pragma once

/// \file
/// Two rules about jobs that have waited long.
///
/// The floor (policy: fairshare.floor): an enterprise that has a live grant and nothing running
/// need not wait longer than `after_wait` in line for `per_enterprise_gpus` GPUs. Its first jobs
/// that have waited so long, and ask for no more than that together, stand before all others from
/// then on: what becomes free is kept for them. They have the floor until they start. It makes
/// nobody end, and gives nobody hours: what is not idle is not given. Jobs of the idle class have
/// none.
///
/// The cap of age (priority.age.cap): see core/schedule/ordering.h. Ages are cut once a day.

#include <vector>

#include "core/machine/events.h"
#include "core/machine/state.h"

namespace khu {

/// GPUs of the job in the widest of its ways.
int gpus_at_most(const JobSpec& spec);

/// A FloorApplied for each job to which the rule applies from now on. Sets when it is to be asked
/// again.
std::vector<Fact> floor_due(State& state, Moment now);

/// Jobs that are older than the cap stand anew where their age puts them, if a day has begun.
void cut_ages(State& state, Moment now);

namespace apply_detail {

/// The job waits, or does so no more.
void watch_floor(State& state, const Job& job);
void unwatch_floor(State& state, const Job& job);
/// The enterprise may have nothing running now, or a live grant.
void review_floor(State& state, const EnterpriseId& enterprise, Moment at);

}  // namespace apply_detail
}  // namespace khu
