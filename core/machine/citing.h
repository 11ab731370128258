#pragma once

/// \file
/// Refusals and reasons that come from a limit of the policy say where the limit stands. Whoever
/// makes one gives the limit's key path (Refusal::limited_by); here, and nowhere else, the path
/// becomes a layer, a policy and a line. It is done when a refusal is answered or a reason shown,
/// so that rounds stay cheap.

#include <string>
#include <string_view>

#include "core/base/refusal.h"
#include "core/machine/state.h"

namespace khu {

/// Where the limit at that key path of the policy in force stands. Claims: there is a policy.
RuleSource source_of(const State& state, std::string_view key);

/// `refusal` with the source of its limit; as it is where it has none, or is cited already.
Refusal cited(const State& state, Refusal refusal);

// Key paths of the policy, as its file has them.
std::string key_of(const PartitionId& partition, std::string_view below);
std::string key_of(const QosId& qos, std::string_view below);
std::string key_of(const ProgrammeId& programme, std::string_view below);
std::string key_of(const FunderId& funder, std::string_view below);
std::string key_of(const EnterpriseId& enterprise, std::string_view below);
std::string key_of(const ResourceId& resource, std::string_view below);

}  // namespace khu
