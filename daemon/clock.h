#pragma once

/// \file
/// The zone's one clock. It starts from the wall clock and then follows the monotonic one, so that
/// it never steps back and a wrong step of the wall clock cannot shorten or lengthen a job (I-30).
/// After a restart it goes on from the newest stored fact if the wall clock lies before it.

#include <chrono>

#include "core/base/units.h"

namespace khu::daemon {

class Clock {
public:
    /// `not_before`: time of the newest stored fact; 0 for a new zone.
    explicit Clock(Moment not_before);
    [[nodiscard]] Moment now() const;

private:
    Moment base_;
    std::chrono::steady_clock::time_point started_;
};

}  // namespace khu::daemon
