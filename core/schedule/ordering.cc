#include "core/schedule/ordering.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/limits.h"

namespace khu {
namespace {

/// A job lets those pass that are submitted within this part of its limit.
constexpr std::int64_t kLimitParts = 4;
/// And, in the order of predicted runs, within this many times its prediction.
constexpr std::int64_t kPredictedTimes = 2;

/// What the job leaves of its partition.
int narrow_permille(const Standing& standing) {
    return 1000 - std::clamp(standing.width_permille, 0, 1000);
}

Span size_of(OrderStrategy strategy, const Standing& standing) {
    switch (strategy) {
        case OrderStrategy::FairTree: {
            return Span{standing.time_limit.value / kLimitParts / 1000 * narrow_permille(standing)};
        }
        case OrderStrategy::ShortestPredicted:
            return standing.predicted * kPredictedTimes;
        case OrderStrategy::Priority:
        case OrderStrategy::Fifo:
            return Span{0};
    }
    KHU_CHECK(false, "strategy {}", static_cast<int>(strategy));
}

}  // namespace

Span points_as_time(std::int64_t points, const Priority& priority) {
    __extension__ using Wide = __int128;
    const Wide wide = Wide{hours(1).value} * points / std::max(1, priority.age.per_hour);
    const Wide most = limits::time_limit_max.value;  // A year ahead is always ahead.
    return Span{static_cast<std::int64_t>(std::clamp(wide, -most, most))};
}

OrderFactors order_factors(OrderStrategy strategy, const Priority& priority,
                           const Standing& standing) {
    OrderFactors factors{.submitted = standing.submitted, .tier = {}, .size = {}};
    factors.size = size_of(strategy, standing);
    factors.fair =
        strategy == OrderStrategy::FairTree || strategy == OrderStrategy::ShortestPredicted;
    factors.narrow_permille = narrow_permille(standing);
    if (strategy != OrderStrategy::Fifo) {
        const Moment oldest = Moment{0} + days(1) * standing.day - priority.age.cap;
        factors.over_age = std::max(oldest - standing.submitted, Span{0});
        factors.tier =
            points_as_time(std::int64_t{standing.tier} * priority.qos_per_tier, priority);
    }
    return factors;
}

}  // namespace khu
