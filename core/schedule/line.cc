#include "core/schedule/line.h"

namespace khu {
namespace {

/// What the calendar keeps waiting starts by itself.
bool passed_over(const Reason* parked) {
    return parked != nullptr && parked->code != Code::BlackoutAhead &&
           parked->code != Code::ReservationNotOpen;
}

}  // namespace

Line::Line(const Queue& queue, const RoundMemo* memo, const PartitionId& partition)
    : queue_(queue), memo_(memo), heads_(queue.heads_in(partition)), next_(heads_.begin()) {}

std::optional<Line::Place> Line::next() {
    for (;;) {
        open_shapes();
        if (firsts_.empty()) {
            return std::nullopt;
        }
        const ShapeNumber shape = firsts_.extract(firsts_.begin()).value().second;
        ShapeCursor& cursor = cursors_.at(shape);
        const ShapeCursor::Candidate found = *cursor.current();
        const bool parked = memo_ != nullptr && passed_over(memo_->parked(found.lane));
        parked ? cursor.skip_lane() : cursor.started();
        enter(shape);
        if (!parked) {
            return Place{found.order, found.lane};
        }
    }
}

/// Shapes whose first job stands before every job known so far.
void Line::open_shapes() {
    while (next_ != heads_.end() && (firsts_.empty() || next_->first < firsts_.begin()->first)) {
        const ShapeNumber shape = (next_++)->second;
        if (memo_ == nullptr || memo_->block(shape) != ShapeBlock::Unavailable) {
            cursors_.emplace(shape, ShapeCursor(queue_, shape));
            enter(shape);
        }
    }
}

void Line::enter(ShapeNumber shape) {
    if (const auto candidate = cursors_.at(shape).current()) {
        firsts_.emplace(candidate->order, shape);
    }
}

}  // namespace khu
