#include "daemon/clock.h"

#include <algorithm>

namespace khu::daemon {

Moment wall_clock() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return Moment{std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
}

std::optional<Span> WallWatch::look(Moment wall, Moment zone) {
    const Span ahead = wall - zone;
    const Span step = ahead_ ? ahead - *ahead_ : Span{0};
    ahead_ = ahead;
    const bool stepped = step <= seconds(-1) || step > minutes(5);
    return stepped ? std::optional(step) : std::nullopt;
}

Clock::Clock(Moment not_before)
    : base_(std::max(wall_clock(), not_before)), started_(std::chrono::steady_clock::now()) {}

Moment Clock::now() const {
    const auto passed = std::chrono::steady_clock::now() - started_;
    return base_ + Span{std::chrono::duration_cast<std::chrono::milliseconds>(passed).count()};
}

}  // namespace khu::daemon
