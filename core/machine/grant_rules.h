#pragma once

/// \file
/// Whether a grant may be given: the ledger's own rules, and the programme's bounds and eligibility
/// by the very checks that review a policy's file (P061), so that a grant made by `khu grant` could
/// as well stand in the policy.

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "core/ledger/ledger.h"
#include "core/machine/state.h"

namespace khu {

/// A133: the policy in force has no `what` of that name.
Refusal not_in_policy(std::string what, std::string name);
/// False for an enterprise that is not in the policy, nor ever had a grant or paid for anything.
bool is_known(const State& state, const EnterpriseId& enterprise);

/// `books`: the ledger that the offer comes on top of. The very same offer again is allowed.
/// Errors: A133 (enterprise, programme), L200, L210, H422.
Expected<Done, Refusal> may_grant(const State& state, const Ledger& books, const GrantOffer& offer,
                                  Moment now);

/// Whether the grant, with what is added, stays inside its programme's bounds. Claims: the ledger
/// can extend it. Errors: A133, L210.
Expected<Done, Refusal> may_extend(const State& state, const GrantExtension& extension, Moment now);

/// Whether the grant may have so much more that comes from another. Claims: it is known.
/// Errors: A133, L210.
Expected<Done, Refusal> may_take(const State& state, const GrantId& grant, Atoms more, Moment now);

/// Into how many tranches the programme parts its grants.
int tranches_in(const Policy& policy, const ProgrammeId& programme);

/// All that the enterprise was granted in that programme and whose window meets [from, to).
Atoms granted_together(const Ledger& books, const EnterpriseId& enterprise,
                       const ProgrammeId& programme, Window window);

}  // namespace khu
