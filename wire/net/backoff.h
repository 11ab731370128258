#pragma once

/// \file
/// How long to wait before trying again: doubling from `first` to `most`, and of that a random part
/// between half and all, so that a thousand agents do not come back at the same moment.

#include <cstdint>

#include "core/base/random.h"
#include "core/base/units.h"

namespace khu::wire::net {

class BackOff {
public:
    /// `first`, `most` > 0. `seed`: from random_seed(), or fixed in a test.
    BackOff(Span first, Span most, std::uint64_t seed);

    Span next();
    /// It worked: begin with `first` again.
    void reset() { step_ = first_; }

private:
    Span first_;
    Span most_;
    Span step_;
    Random random_;
};

/// A seed from the system, different for each process.
std::uint64_t random_seed();

}  // namespace khu::wire::net
