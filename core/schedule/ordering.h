#pragma once

/// \file
/// Where a job stands in the queue, as a moment: it stands as if it had been submitted then. Every
/// factor of the policy is a span that is added to the submission or taken from it, so the order of
/// two jobs does not change while they wait, each factor can be shown, and how far a job can be
/// overtaken is bounded: only by jobs submitted within the sum of its own factors.
///
///     as_if = submitted - tier x per_tier + lateness            (points / per_hour = hours)
///
/// What a job waits beyond the policy's `age.cap` does not move it forward any more: it stands as
/// if submitted so long ago, counted at the beginning of the day.
///
///     fair-tree            lateness = limit / 4 x (1 - width)   + fair share (fair_tree.h)
///     shortest-predicted   lateness = predicted x 2             + fair share
///     priority             none
///     fifo                 none, nor tiers
///
/// Why a quarter of the limit: short jobs first is what keeps the mean wait low, but only as far as
/// a long job cannot be overtaken for ever; a job of 24 h lets those pass that come within 6 h. A
/// wide job (`width`: its part of the partition) lets fewer pass, since it waits longest anyway;
/// for the same reason only 1 - width of its enterprise's fair share delays it.

#include <cstdint>
#include <string_view>

#include "core/base/units.h"
#include "core/policy/policy.h"

namespace khu {

/// What the order sees of a job.
struct Standing {
    Moment submitted;
    int tier{0};
    Span time_limit;
    Span predicted;
    int width_permille{0};  ///< of the partition, 0 to 1000
    std::int64_t day{0};    ///< as of which its age is counted
};

/// The factors of one job's place, each as time.
struct OrderFactors {
    Moment submitted;
    Span tier;                  ///< earlier by this much
    Span size;                  ///< later, for its limit or its predicted run
    bool fair{true};            ///< whether the fair share delays it,
    int narrow_permille{1000};  ///< and by how much of itself
    Span over_age{};            ///< later, for what it waited beyond the cap
    [[nodiscard]] Moment as_if() const { return submitted - tier + size + over_age; }
};

OrderFactors order_factors(OrderStrategy strategy, const Priority& priority,
                           const Standing& standing);

/// Points of the policy as the time that earns them by age.
Span points_as_time(std::int64_t points, const Priority& priority);

}  // namespace khu
