#pragma once

/// \file
/// What the terms of its programme do to a grant by themselves as time goes on: tranches that
/// begin, points at which it must have been used, warnings of them; and what being used beyond its
/// end does to the jobs that wait for it.

#include <optional>
#include <string>
#include <vector>

#include "core/machine/events.h"
#include "core/machine/state.h"

namespace khu {

/// What is due by `now`, at most one for each grant, those of earlier moments first.
std::vector<Fact> grants_due(const State& state, Moment now);
/// When grants_due() next has something; kNever if never.
Moment next_grant_event(const State& state);

/// What lies ahead of a grant.
struct GrantOutlook {
    std::optional<Moment> next_tranche_at;
    Atoms next_tranche;  ///< that will be granted then
    Atoms carried_then;  ///< of what is free now, would be carried
    std::optional<Moment> pullback_at;
    int pullback_below_permille{0};  ///< if less of it is used by then
    Atoms pullback;                  ///< as it is used now it would lose so much of what is free
    Atoms advance_left;              ///< of the next tranche may still be drawn ahead
};
GrantOutlook outlook_of(const State& state, const Grant& grant, Moment now);

/// Of the whole grant, spent or held, in thousandths.
int used_of(const Grant& grant);

/// The row of the policy's `over_grant` that applies to the enterprise in the programme; null if
/// none does.
const OverGrant* over_grant_of(const State& state, const EnterpriseId& enterprise,
                               const ProgrammeId& programme, Moment now);
/// A108 where such a row lets no more jobs run. `also_running`: that are not in the state yet.
std::optional<Reason> over_grant_limit(const State& state, const JobSpec& spec,
                                       std::int64_t also_running, Moment now);

namespace apply_detail {

/// The waiting jobs of the enterprise in the programme stand later by the penalty of that row.
void set_penalty(State& state, const EnterpriseId& enterprise, const ProgrammeId& programme,
                 Moment now);
/// The same for all.
void set_penalties(State& state, Moment now);

}  // namespace apply_detail
}  // namespace khu
