#pragma once

/// \file
/// Admission: may this job enter the queue, with which defaults, at which price? Submit and quote
/// use the same functions, so that a job which the quote affords is admitted (I-20). Refused is
/// only what could never run; what merely does not fit now waits with a reason.

#include <optional>

#include "core/base/expected.h"
#include "core/base/identity.h"
#include "core/base/refusal.h"
#include "core/jobs/spec.h"
#include "core/ledger/charge.h"
#include "core/machine/state.h"

namespace khu {

/// `asked` with every default filled in.
/// Errors: A100 to A106, A112, A130 to A136, A138, A139.
Expected<JobSpec, Refusal> admit(const State& state, const Identity& who, JobSpec asked,
                                 Moment now);

/// The same for a job that is in the queue already and is to be changed; its owner stays.
Expected<JobSpec, Refusal> readmit(const State& state, JobSpec changed, Moment now);

/// What one attempt of `spec` would cost if it started at `now`. `spec` is admitted.
PriceTerms price(const State& state, const JobSpec& spec, Moment now);

/// Which grants and payers would be held now for `spec`, or why not. `spec` is admitted.
Expected<HoldPlan, Reason> plan_hold(const State& state, const JobSpec& spec, Moment now);

/// A106 if the QOS asks for a live grant and the enterprise has none; asked at submission and again
/// at each start.
std::optional<Reason> lacks_live_grant(const State& state, const JobSpec& spec, Moment now);

/// The limit that makes an admitted job wait: running GPUs of the enterprise in its programme.
/// `also_running`: GPUs that will run but are not in the state yet.
std::optional<Reason> over_running_limit(const State& state, const JobSpec& spec,
                                         std::int64_t also_running);

}  // namespace khu
