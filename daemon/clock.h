#pragma once

/// \file
/// The zone's one clock. It starts from the wall clock and then follows the monotonic one, so that
/// it never steps back and a wrong step of the wall clock cannot shorten or lengthen a job (I-30).
/// After a restart it goes on from the newest stored fact if the wall clock lies before it.

#include <chrono>
#include <optional>

#include "core/base/units.h"

namespace khu::daemon {

/// What the wall clock does beside the zone's clock, so that an operator hears of it (L208): jobs
/// are charged by the zone's alone.
class WallWatch {
public:
    /// Both clocks, read one after the other. By how much the wall clock has stepped since the last
    /// look: back by a second or more, or forward by more than five minutes; none if it has not.
    /// What it gains or loses slowly is no step.
    std::optional<Span> look(Moment wall, Moment zone);

private:
    std::optional<Span> ahead_;  ///< the wall clock's, at the last look
};

Moment wall_clock();

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
