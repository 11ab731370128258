#pragma once

/// \file
/// What an enterprise's holders allow its own jobs: the lowest layer, in a text like those of the
/// nation and the province (core/policy/layer_rules.h). Its jobs are admitted and started under the
/// policy in force, held to that text too; nobody else's are. It can only tighten.
///
/// A job that waits keeps what it asked for, as under any other rule that comes later; what its
/// enterprise may run at a time, and where, is asked again at each start.

#include <vector>

#include "core/base/refusal.h"
#include "core/machine/state.h"

namespace khu {

/// The policy for the jobs of that enterprise. Claims: there is one.
const Policy& policy_for(const State& state, const EnterpriseId& enterprise);

/// `refusal`, with the source of its limit if that is the enterprise's own; as it is otherwise.
Refusal cited_own(const State& state, const EnterpriseId& enterprise, Refusal refusal);

/// Of that level, and of that enterprise if it is the enterprises': all that ever bound and that
/// bind later.
std::vector<LayerRules> rules_at(const Truth& truth, Layer level, const EnterpriseId& enterprise);

namespace apply_detail {

/// To be called when the policy in force, or the rules of enterprises, have changed: of all, or of
/// one.
void use_own_rules(State& state, Moment at);
void use_own_rules(State& state, const EnterpriseId& enterprise, Moment at);

}  // namespace apply_detail
}  // namespace khu
