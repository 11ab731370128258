#pragma once

/// \file
/// What the order of the queue needs of a job and of its enterprise: its place (ordering.h), its
/// share of what was used (fair_tree.h), its class for predictions (run_history.h). apply() tells
/// the scheduler through these.

#include "core/machine/state.h"
#include "core/schedule/ordering.h"
#include "core/schedule/run_history.h"

namespace khu {

RunClass run_class(const JobSpec& spec);

/// Claims: there is a policy.
OrderFactors order_factors(const State& state, const Job& job);

/// What an attempt on those terms may use in all, as the fair share counts it: at factor 100 %,
/// the idle class at the part that the policy says.
Atoms fair_hold(const Policy& policy, const PriceTerms& terms, Span time_limit);

namespace apply_detail {

/// Its attempt has taken resources; `fresh`: now, not at a restart.
void count_start(State& state, const Job& job, bool fresh);
/// Its attempt has ended at `at` and used `base` (at factor 100 %, what was waived left out).
void count_end(State& state, const Job& job, const Ending& ending, Atoms base, Moment at);
/// The policy's shares and half-life, and what each enterprise has used so far.
void use_fair_share(State& state);
/// What the jobs of each partition asked for so far.
void use_mixes(State& state);
/// The fair share's leaf of the enterprise in the programme, with its shares there.
LeafNumber leaf_in(State& state, const EnterpriseId& enterprise, const ProgrammeId& programme,
                   Moment at);
/// By the policy (fairshare.inside_programme): the same for all, or the GPUs that its open grants
/// would keep busy over their windows, in thousandths.
void set_share(State& state, const EnterpriseId& enterprise, const ProgrammeId& programme,
               Moment at);
/// The same for all.
void set_shares(State& state, Moment at);

}  // namespace apply_detail
}  // namespace khu
