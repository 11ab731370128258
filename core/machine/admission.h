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
/// Errors: A100 to A106, A112, A130 to A136, A138, A139, A149.
Expected<JobSpec, Refusal> admit(const State& state, const Identity& who, JobSpec asked,
                                 Moment now);

/// The same for a job that is in the queue already and is to be changed; its owner stays.
Expected<JobSpec, Refusal> readmit(const State& state, JobSpec changed, Moment now);

/// What one attempt of `spec` would cost if it started at `now`. `spec` is admitted.
PriceTerms price(const State& state, const JobSpec& spec, Moment now);

/// Which grants and payers would be held now for `spec`, or why not. `spec` is admitted.
Expected<HoldPlan, Reason> plan_hold(const State& state, const JobSpec& spec, Moment now);

/// A133 or A101 if the policy in force no longer has the job's programme, partition or QOS, or no
/// longer opens one to the other; asked at each start, for policies change while jobs wait.
std::optional<Reason> not_offered(const State& state, const JobSpec& spec);

/// A106 if the QOS asks for a live grant and the enterprise has none; asked at submission and again
/// at each start.
std::optional<Reason> lacks_live_grant(const State& state, const JobSpec& spec, Moment now);

/// What will run but is not in the state yet.
struct AlsoRunning {
    std::int64_t in_programme{0};  ///< GPUs of the enterprise
    std::int64_t at_qos{0};        ///< the same
    std::int64_t of_user{0};       ///< jobs of the user at the QOS
};
/// The limits that make an admitted job wait: running GPUs of the enterprise in its programme
/// (A116), and at its QOS (A141); running jobs of its user at its QOS (A148).
std::optional<Reason> over_running_limit(const State& state, const JobSpec& spec,
                                         const AlsoRunning& also = {});

}  // namespace khu
