#pragma once

/// \file
/// What contradicts itself in a policy that reads well: unknown references, splits that do not
/// total, grants over their programme, promises beyond what is installed. All complaints at once;
/// an error refuses the policy as a whole, the running one stays in force.

#include <cstdint>
#include <map>
#include <vector>

#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/policy/complaint.h"
#include "core/policy/layer_rules.h"
#include "core/policy/policy.h"

namespace khu {

/// What the ledger knows of a grant of the running policy.
struct GrantUse {
    EnterpriseId enterprise;
    Atoms used_and_held;     ///< P060: a grant is never lowered below this
    bool live{false};        ///< not closed: P063
    bool from_policy{true};  ///< false: made by `khu grant`, so it need not be in the file
    std::string voucher{};   ///< that was redeemed for it
    bool operator==(const GrantUse&) const = default;
};

/// What a review may be held against; each part may be missing, its checks are then left out.
struct ReviewContext {
    const Policy* running{nullptr};  ///< null: the first policy of the zone
    Moment now;                      ///< 0: not known; P021 and the like are left out
    std::map<GrantId, GrantUse> grants;
    std::map<FunderId, Mvnd> funders_used;     ///< spent or held: P060
    std::map<EnterpriseId, Mvnd> credit_used;  ///< spent or held beyond what was paid in: P060
    std::map<PartitionId, std::int64_t> installed_gpus;  ///< counted; empty: nodes x gpus_per_node
    std::vector<PolicyId> used_ids;     ///< ids of all policies that were ever in force
    std::vector<Reservation> booked{};  ///< by enterprises; they stay whatever the policy is
    std::vector<Reservation> firm{};  ///< of a policy for one enterprise, and paid; one window each
    std::map<std::string, GrantId> vouchers{};            ///< redeemed, and for which grant: P065
    std::vector<LayerRules> above{};                      ///< in force or to come: P073, P074
    std::map<ResourceId, std::int64_t> resources_used{};  ///< by attempts: P076
};

/// A complaint, and which values of the policy it was made from. A reader that could not read one
/// of them leaves the complaint out: it may only be the shadow of what could not be read.
struct Finding {
    Complaint complaint;
    std::vector<std::string> looks_at;    ///< key paths, each with everything below it
    std::vector<std::string> names_from;  ///< maps of which only the names were looked at
};

/// P061: `grant` against its programme's bounds and the enterprise's eligibility, as if it stood
/// in the policy. `enterprise` lists all its grants, this one too. Claims: the programme exists.
std::vector<Complaint> review_grant(const Policy& policy, const Enterprise& enterprise,
                                    const PolicyGrant& grant);

/// P070: the calendar alone, with `booked` in it.
std::vector<Complaint> review_calendar(const Policy& policy, const ReviewContext& context);

std::vector<Finding> review_with_sources(const Policy& policy, const ReviewContext& context);

/// Every complaint, in the order of the file's sections. The first policy of a zone (`running`
/// null) may take effect in the past: there is nothing whose price it could change backwards.
std::vector<Complaint> review(const Policy& policy, const ReviewContext& context);

}  // namespace khu
