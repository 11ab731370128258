/// A job that may run in several ways stands in the queue once for each. It starts in the first
/// that can, and has one reservation: of the way that could start earliest.

#include "core/schedule/round_steps.h"

namespace khu {

/// Of whichever way; null if it has none.
const StartReservation* Round::promise_of_job(const Look& look) const {
    if (!in_.queue.has_alternatives(look.order.job)) {
        return nullptr;
    }
    for (const LaneNumber lane : in_.queue.lanes_of(look.order.job)) {
        const ShapeNumber shape = in_.queue.lane(lane)->key.shape;
        const PartitionId& partition = in_.queue.shape(shape)->request.partition;
        if (const auto* found = memo_.promises_.find({partition, look.order.job})) {
            return found;
        }
    }
    return nullptr;
}

/// Whether the job could start in another way now, so that nobody has to leave for this one.
bool Round::other_way_starts(const Look& look) {
    if (!in_.queue.has_alternatives(look.order.job)) {
        return false;
    }
    for (const LaneNumber number : in_.queue.lanes_of(look.order.job)) {
        const Lane& lane = *in_.queue.lane(number);
        QueueOrder order = look.order;
        order.alternative = lane.key.alternative;
        if (number == look.lane || memo_.parked(number) != nullptr ||
            in_.admission.admit(order.job, order.alternative) ||
            in_.admission.lent_out(order.job, order.alternative)) {
            continue;
        }
        const Look other{.shape = lane.key.shape,
                         .lane = number,
                         .order = order,
                         .request = in_.queue.shape(lane.key.shape)->request,
                         .time_limit = lane.key.time_limit,
                         .way = lane.way,
                         .ends_at = in_.now + sure_of(lane.way, lane.key.time_limit),
                         .visit = look.visit};
        if (can_place(in_.cluster, other.request, leaving_room(other, bars_of(other)))) {
            schedule(other.shape);
            return true;
        }
    }
    return false;
}

/// One of them may be able to start earlier than the one that was promised a place.
void Round::look_at_other_ways(const Look& look) {
    if (!in_.queue.has_alternatives(look.order.job)) {
        return;
    }
    for (const LaneNumber lane : in_.queue.lanes_of(look.order.job)) {
        const ShapeNumber shape = in_.queue.lane(lane)->key.shape;
        if (lane != look.lane && !visits_.contains(shape)) {
            schedule(shape);
        }
    }
}

/// The job has lost its promise: it may get one in another way, before jobs behind it.
void Round::look_at_all_ways(JobId job) {
    if (!in_.queue.contains(job) || !in_.queue.has_alternatives(job) || !in_.queue.ready(job)) {
        return;
    }
    for (const LaneNumber lane : in_.queue.lanes_of(job)) {
        const ShapeNumber shape = in_.queue.lane(lane)->key.shape;
        if (!visits_.contains(shape)) {
            schedule(shape);
        }
    }
}

/// The job starts, or has its promise, in another way: those behind it may have its place in line.
void Round::promise_goes(const PromiseKey& key) {
    const ShapeNumber shape = memo_.promises_.find(key)->shape;
    memo_.drop_reservation(key);
    schedule(shape);
}

}  // namespace khu
