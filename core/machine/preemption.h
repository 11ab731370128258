#pragma once

/// \file
/// What a policy says of giving way. The idle class gives way where `preemption.order` names it:
/// free work, after its `min_runtime`, with `preemption.grace`; so do attempts on borrowed GPUs
/// (lending.h) where it names `borrowed`, after `min_runtime_borrowed`. What an attempt was sure of
/// when it started stays so, whatever policy comes.

#include "core/policy/policy.h"
#include "core/schedule/preempt.h"
#include "core/schedule/queue.h"

namespace khu {

/// Of jobs with that QOS; of a QOS that there is not, nothing gives way.
GivingWay giving_way(const Policy& policy, const QosId& qos);
PreemptionRule preemption_rule(const Policy& policy);

/// From when on an attempt that starts now may be told to give way; kNever: never.
Moment yields_at(const Policy& policy, const QosId& qos, bool borrowed, Moment now);
/// Whether owners may reclaim what others have borrowed.
bool reclaims(const Policy& policy);

}  // namespace khu
