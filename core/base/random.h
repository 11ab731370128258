#pragma once

/// \file
/// Seeded random numbers for the simulator and the tests: the same seed gives the same numbers on
/// every machine, for ever. Not for secrets. Source: xoshiro256** and splitmix64 by D. Blackman and
/// S. Vigna (public domain).

#include <array>
#include <cstdint>

namespace khu {

class Random {
public:
    explicit Random(std::uint64_t seed);

    std::uint64_t next();
    /// A whole number in [0, bound); `bound` > 0.
    std::uint64_t below(std::uint64_t bound);
    /// A whole number in [low, high].
    std::int64_t between(std::int64_t low, std::int64_t high);
    /// True `per_mille` times in a thousand.
    bool chance(int per_mille);

private:
    std::array<std::uint64_t, 4> state_;
};

}  // namespace khu
