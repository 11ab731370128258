#pragma once

/// \file
/// Who pays for a start, by the policy in force and the books: the linked hold of hours and money,
/// why it cannot be made, and what budgets the books still have to take over from the policy.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "core/jobs/spec.h"
#include "core/ledger/ledger.h"
#include "core/machine/state.h"

namespace khu {

/// What a round has promised before it asks again: `hours` is the ledger to look at, `money` comes
/// on top of what the books hold.
struct Promised {
    const Ledger& hours;
    std::map<std::string, Mvnd> money{};
};

/// The hold for an attempt of `spec` at `terms` that starts at `now`, hours and money, or why it
/// cannot be made. Reasons: those of Ledger::can_hold(); A114, A115, A119.
Expected<HoldPlan, Reason> plan_start(const State& state, const JobSpec& spec,
                                      const PriceTerms& terms, const Promised& promised,
                                      Moment now);

PayerKind payer_kind(FunderKind kind);

/// The account of the enterprise's own part.
std::string payer_account(const Policy& policy, const EnterpriseId& enterprise);

/// `value` of waived hours at list price, for whom the policy in force lets bear it.
Loss loss_of(const State& state, Mvnd value);
/// The same of an attempt that ended so: what giving way cost may have a payer of its own.
Loss loss_of(const State& state, EndCause cause, Mvnd value);

/// Budgets and credit limits in which the books differ from the policy in force.
std::vector<Budget> budgets_due(const State& state);

/// When, after `state.openings_seen`, a grant or the window of a funder opens, or a blackout or the
/// booking of a counted resource is over; null if never.
std::optional<Moment> next_opening(const State& state);

}  // namespace khu
