#pragma once

/// \file
/// A reservation that an enterprise has booked for itself: what is held for it, and what becomes of
/// it in the books. It is charged whole, at the price of its booking: its window times its GPUs
/// times the factor of its QOS, whoever runs inside. Its jobs are metered and discounted to
/// nothing; what they did not use is a row of the usage report, "reserved_unused", which bears the
/// charge:
///
///     metered of the row + metered of its jobs = all of the window      (each atom once, I-03)
///
/// A node that was missing in the window and had no other in its place waives its part of that
/// time, rounded up to seconds of the whole reservation. It stands in the books by a number of its
/// own, given like those of jobs. A window of the policy for one enterprise is booked in the same
/// way when the policy takes effect (policy_bookings.h).

#include <string>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/ledger/charge.h"
#include "core/ledger/grant.h"
#include "core/ledger/usage.h"
#include "core/policy/policy.h"

namespace khu {

struct Booked {
    JobId number;
    Reservation what;  ///< one window; whole nodes
    int nodes{0};
    EnterpriseId enterprise;
    UserId by;
    PriceTerms terms;
    HoldPlan hold;
    PolicyId policy;  ///< in force at the booking
    Moment booked_at{};
    bool cancelled{false};    ///< too late: its nodes are free, and it is charged all the same
    Settled settled{};        ///< at the cuts of months
    Atoms used{};             ///< metered of its jobs since the last of those
    std::int64_t lost_ms{0};  ///< time of missing nodes, all together, inside the window
    int missing{0};           ///< nodes that are not there
    Moment missing_since{};   ///< `lost_ms` is counted up to then
    bool of_policy{false};    ///< not by `khu reservation book`; given up only by a later policy
    bool operator==(const Booked&) const = default;
};
KHU_DESCRIBE(Booked, number, what, nodes, enterprise, by, terms, hold, policy, booked_at, cancelled,
             settled, used, lost_ms, missing, missing_since, of_policy)

/// Among those that are booked: its name, which of the policy's has many windows. An "@" is in no
/// name, so the two kinds never meet.
std::string booked_key(const std::string& name, Moment from);
std::string booked_key(const Booked& booked);

inline AttemptKey key_of(const Booked& booked) {
    return {booked.number, AttemptNumber{1}};
}

}  // namespace khu
