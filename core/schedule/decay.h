#pragma once

/// \file
/// Use that fades: what an enterprise used counts half as much after each half-life, in whole days
/// and in integers, so that every replay gives the same order. Grants never fade; this is only for
/// the order of the queue.
///
/// The weight of use that is d days old is floor(2^32 * 2^(-d/h)), h the half-life in days.

#include <cstdint>
#include <vector>

#include "core/base/describe.h"
#include "core/base/units.h"

namespace khu {

/// Days since 1970-01-01T00:00Z.
std::int64_t day_of(Moment at);

/// Use as it counted on `day`. Never negative.
struct FadingUse {
    Atoms amount;
    std::int64_t day{0};
    bool operator==(const FadingUse&) const = default;
};
KHU_DESCRIBE(FadingUse, amount, day)

class Decay {
public:
    /// `half_life` is rounded to whole days, at least one.
    explicit Decay(Span half_life);

    /// 2^32 for today, half of it after a half-life, 0 when nothing is left. `days` < 0 counts as
    /// 0.
    [[nodiscard]] std::uint64_t weight(std::int64_t days) const;
    /// What `use` still counts on `day`.
    [[nodiscard]] Atoms left(const FadingUse& use, std::int64_t day) const;
    /// Adds `more` (>= 0) to what is left of `use`.
    void add(FadingUse& use, Atoms more, std::int64_t day) const;

private:
    std::vector<std::uint64_t> weights_;
};

}  // namespace khu
