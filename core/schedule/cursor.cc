#include "core/schedule/cursor.h"

#include "core/base/check.h"

namespace khu {

bool ShapeCursor::at_advanced() const {
    return !advanced_.empty() &&
           (next_ == heads_->end() || advanced_.begin()->first < next_->first);
}

std::optional<ShapeCursor::Candidate> ShapeCursor::current() const {
    if (at_advanced()) {
        return Candidate{advanced_.begin()->first, advanced_.begin()->second};
    }
    if (next_ == heads_->end()) {
        return std::nullopt;
    }
    return Candidate{next_->first, next_->second};
}

void ShapeCursor::started() {
    const std::optional<Candidate> now = current();
    KHU_CHECK(now.has_value());
    skip_lane();
    const Lane& lane = *queue_->lane(now->lane);
    const auto following =
        lane.ready.upper_bound({now->order.as_if - queue_->delay(lane), now->order.job});
    if (following != lane.ready.end()) {
        advanced_.emplace(queue_->order_in(lane, *following), now->lane);
    }
}

void ShapeCursor::skip_lane() {
    if (at_advanced()) {
        advanced_.erase(advanced_.begin());
    } else {
        KHU_CHECK(next_ != heads_->end());
        ++next_;
    }
}

}  // namespace khu
