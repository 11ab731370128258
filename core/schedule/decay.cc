#include "core/schedule/decay.h"

#include <algorithm>

#include "core/base/check.h"

namespace khu {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr int kBits = 62;  ///< of the fraction while a power is worked out
constexpr std::uint64_t kOne = std::uint64_t{1} << kBits;

std::uint64_t times(std::uint64_t a, std::uint64_t b) {
    return static_cast<std::uint64_t>(Wide{a} * b >> kBits);
}

std::uint64_t power(std::uint64_t base, std::int64_t exponent) {
    std::uint64_t result = kOne;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1) {
            result = times(result, base);
        }
        base = times(base, base);
    }
    return result;
}

/// The largest fraction whose `days`-th power is at most a half.
std::uint64_t root_of_half(std::int64_t days) {
    std::uint64_t low = kOne / 2;
    std::uint64_t high = kOne;
    while (high - low > 1) {
        const std::uint64_t middle = low + (high - low) / 2;
        (power(middle, days) <= kOne / 2 ? low : high) = middle;
    }
    return low;
}

}  // namespace

std::int64_t day_of(Moment at) {
    const std::int64_t day = days(1).value;
    return (at.value >= 0 ? at.value : at.value - day + 1) / day;
}

Decay::Decay(Span half_life) {
    const std::int64_t half =
        std::max<std::int64_t>(1, (half_life.value + days(1).value / 2) / days(1).value);
    const std::uint64_t daily = root_of_half(half);
    for (std::int64_t day = 0; day < half; ++day) {
        weights_.push_back(power(daily, day) >> (kBits - 32));
    }
}

std::uint64_t Decay::weight(std::int64_t age) const {
    if (age <= 0) {
        return weights_[0];
    }
    const auto half = static_cast<std::int64_t>(weights_.size());
    return age / half >= 33 ? 0 : weights_[static_cast<std::size_t>(age % half)] >> (age / half);
}

Atoms Decay::left(const FadingUse& use, std::int64_t day) const {
    KHU_CHECK(use.amount >= Atoms{0}, "{}", use.amount.value);
    const Wide product = Wide{static_cast<std::uint64_t>(use.amount.value)} * weight(day - use.day);
    return Atoms{static_cast<std::int64_t>(product >> 32)};
}

void Decay::add(FadingUse& use, Atoms more, std::int64_t day) const {
    KHU_CHECK(more >= Atoms{0}, "{}", more.value);
    const std::int64_t today = std::max(day, use.day);
    use = {.amount = left(use, today) + more, .day = today};
}

}  // namespace khu
