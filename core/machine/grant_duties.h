#pragma once

/// \file
/// What is owed for grants that are over (core/ledger/grant_report.h): when it comes to be owed, is
/// warned of and is late, and what being late does to the jobs of the enterprise in that programme.
/// And what happens to grants in a month, counted for the zone's report.

#include <optional>
#include <vector>

#include "core/machine/effects.h"
#include "core/machine/events.h"
#include "core/machine/state.h"

namespace khu {

/// What comes next of the report for a grant that is over; kNever: nothing. Of a grant that ended
/// before the policy in force, nothing comes to be owed.
struct NextDuty {
    Moment at{kNever};
    Fact fact{GrantsExpired{}};
};
NextDuty next_duty(const State& state, const Grant& grant);

/// A113 if a report of the enterprise in that programme is late and its programme suspends for it.
std::optional<Reason> late_report(const State& state, const EnterpriseId& enterprise,
                                  const ProgrammeId& programme, Moment now);

/// Grants that have been open for ninety days or more and of which nothing was ever used or held.
std::vector<GrantCount> unused_grants(const State& state, Moment now);

namespace apply_detail {

/// Hours that expired or were pulled back.
void count_entries(State& state, const Effects& effects);
void count_decision(State& state, const GrantRequestRecord& record);
/// The reports that are owed, by whose they are.
void index_reports(State& state);

}  // namespace apply_detail
}  // namespace khu
