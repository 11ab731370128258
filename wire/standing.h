#pragma once

/// \file
/// Where a waiting job stands, and when it will start.

#include <cstdint>

#include "core/base/describe.h"
#include "core/base/units.h"
#include "wire/timestamp.h"

namespace khu::wire {

/// Why a job stands where it stands: stands_as_if = submitted_at - tier_s + size_s + over_age_s +
/// fair_share_s + over_grant_s; and before all of them where the floor applies to it.
struct StandingView {
    Timestamp submitted_at;
    std::int64_t tier_s{0};
    std::int64_t size_s{0};
    std::int64_t fair_share_s{0};  ///< less for a job that needs a large part of its partition
    std::int64_t over_grant_s{0};  ///< for grants that are used up
    Timestamp stands_as_if;
    std::int64_t fair_rank{0};    ///< enterprises in programmes that have had less for their share
    std::int64_t fair_leaves{0};  ///< of so many
    Atoms used_ugs;               ///< fading use and what runs
    std::int64_t over_age_s{0};   ///< what it waited beyond the policy's cap of age
    bool at_floor{false};         ///< by the policy's floor it stands before all others
    std::int64_t shares{1};       ///< of the enterprise in its programme
};
KHU_DESCRIBE(StandingView, submitted_at, tier_s, size_s, fair_share_s, over_grant_s, stands_as_if,
             fair_rank, fair_leaves, used_ugs, over_age_s, at_floor, shares)

/// When it starts, as things stand now: at `early_at` if runs take what such runs took, at
/// `late_at` if all use their limits. Of the first jobs of a partition only.
struct EtaView {
    Timestamp early_at, late_at;
};
KHU_DESCRIBE(EtaView, early_at, late_at)

/// What was said first, and what came.
struct FirstEtaView {
    Timestamp given_at, early_at, late_at, started_at;
};
KHU_DESCRIBE(FirstEtaView, given_at, early_at, late_at, started_at)

}  // namespace khu::wire
