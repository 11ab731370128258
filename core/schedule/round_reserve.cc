/// Step 4 of a round, and the filters of step 5: which of the first jobs that wait have a promise,
/// where, and what others may do beside it.

#include <algorithm>

#include "core/schedule/later.h"
#include "core/schedule/round_steps.h"

namespace khu {

bool Round::full(const PartitionId& partition) const {
    return static_cast<int>(memo_.promises_.of(partition).size()) >=
           in_.cluster.partition(partition)->reservations;
}

/// Its partition has fewer reservations than it may have, or one of a job behind it. A job that
/// names a reservation of the calendar has its nodes set aside already, and takes nobody's promise.
bool Round::needs_promise(const Look& look) const {
    std::vector<PromiseKey> made = memo_.promises_.of(look.request.partition);
    if (!look.way.holds_place || has_promise(look) || !look.request.where->reservation.empty()) {
        return false;
    }
    std::erase(made, PromiseKey{look.request.partition, look.order.job});  // of another way
    return made.empty() || look.order < memo_.promises_.find(made.back())->order ||
           static_cast<int>(made.size()) <
               in_.cluster.partition(look.request.partition)->reservations;
}

/// The reservations of jobs before it which it would outlast if it started so much later, and whose
/// nodes it might use.
std::vector<PromiseKey> Round::bars_of(const Look& look, Span late) const {
    std::vector<PromiseKey> bars;
    for (const auto& [key, reservation] : memo_.promises_.all()) {
        if (key.second != look.order.job && reservation.order < look.order &&
            look.ends_at + late > reservation.at && meets_nodes_of(look, key)) {
            bars.push_back(key);
        }
    }
    return bars;
}

/// Those whose nodes a promise to this job must leave alone: it would not start now, so that also
/// those count which it would not outlast if it did.
std::vector<PromiseKey> Round::promised_before(const Look& look) const {
    std::vector<PromiseKey> before;
    for (const auto& [key, reservation] : memo_.promises_.all()) {
        if (key.second != look.order.job && reservation.order < look.order &&
            meets_nodes_of(look, key)) {
            before.push_back(key);
        }
    }
    return before;
}

bool Round::shares_nodes(const PartitionId& partition, const StartReservation& other) const {
    const auto& members = in_.cluster.members(partition);
    return std::ranges::any_of(other.nodes, [&](NodeId node) { return members.contains(node); });
}

/// What of those nodes the promised jobs do not need may be used.
NodeFilter Round::leaving_room(const Look& look, const std::vector<PromiseKey>& bars) const {
    std::vector<const StartReservation*> reservations;
    for (const PromiseKey& key : bars) {
        reservations.push_back(memo_.promises_.find(key));
    }
    return by_calendar(
        look, beside_clearings(view(), look.order.job, look.request,
                               beside(std::move(reservations), in_.cluster, look.request)));
}

NodeFilter Round::by_calendar(const Look& look, NodeFilter filter) const {
    return unbooked(in_.bookings, look.request, {.from = in_.now, .limit = look.time_limit},
                    std::move(filter));
}

/// A promise is made on nodes of its own: two of them on one node would each count on what is free
/// beside running attempts only.
NodeFilter Round::off_the_nodes_of(const std::vector<PromiseKey>& bars) const {
    if (bars.empty()) {
        return {};
    }
    return [this, bars](NodeId node) {
        return std::ranges::none_of(bars, [&](const PromiseKey& key) {
            return std::ranges::binary_search(memo_.promises_.find(key)->nodes, node);
        });
    };
}

/// A start that outlasts a reservation takes from what will be free there then.
void Round::take_from_reservations(const Look& look, const NodeAllocation& allocation) {
    const ClusterNode& node = in_.cluster.at(allocation.node);
    for (auto& [key, reservation] : memo_.promises_.all()) {
        if (look.ends_at > reservation.at) {
            reservation.give_up(in_.cluster.owner_on(node, look.request.enterprise), allocation);
        }
    }
}

/// Its start is promised for `from` or later.
Round::Reserved Round::reserve(const Look& look, Moment from) {
    const NodeFilter allowed = off_the_nodes_of(promised_before(look));
    const Outlook outlook(view(), in_.rule, whom(look), started_, in_.now);
    std::optional<Earliest> earliest =
        earliest_start(outlook, look.request, {.from = from, .limit = look.time_limit}, allowed);
    if (!earliest) {
        return Reserved::No;
    }
    if (const StartReservation* other = promise_of_job(look)) {
        if (std::pair(other->at, other->order.alternative) <
            std::pair(earliest->at, look.order.alternative)) {
            return Reserved::Elsewhere;
        }
        const PromiseKey left{other->request.partition, look.order.job};
        promise_goes(left);
        walk_on(left.first);
    }
    const PartitionId& partition = look.request.partition;
    for (const PromiseKey& key : memo_.promises_.of(partition)) {
        if (!(look.order < memo_.promises_.find(key)->order)) {
            continue;
        }
        if (in_.cluster.partition(partition)->reservations > 1) {
            make_anew(key, look.shape);
        } else {
            memo_.drop_reservation(key);
            look_at_all_ways(key.second);
        }
    }
    const StartReservation& made =
        memo_.promises_.all()
            .insert_or_assign(PromiseKey{partition, look.order.job},
                              StartReservation{.job = look.order.job,
                                               .order = look.order,
                                               .shape = look.shape,
                                               .request = look.request,
                                               .at = earliest->at,
                                               .nodes = std::move(earliest->nodes),
                                               .then = std::move(earliest->then)})
            .first->second;
    give_way(made);
    if (full(partition)) {
        memo_.headless_.erase(partition);
        settle_dropped(partition, &made);
    } else {
        memo_.headless_.insert(partition);
    }
    look_at_other_ways(look);
    return Reserved::Here;
}

/// A job that was promised nodes, and was then let wait for something else that comes back in time,
/// keeps a promise: others would have its nodes for ever, now for the one and now for the other.
/// The one that it had is gone: it is looked at again because something came back.
void Round::promise_later(const Look& look, const Reason& reason) {
    const std::optional<Moment> from = there_by(reason);
    if (from && lost_.contains({look.request.partition, look.order.job}) && needs_promise(look)) {
        reserve(look, *from);
    }
}

/// The promise of one that waits for something else is gone.
void Round::look_again_at(const PromiseKey& lost) {
    const JobId job = lost.second;
    if (in_.queue.wishing().empty() || !in_.queue.contains(job) || !in_.queue.ready(job)) {
        return;
    }
    lost_.insert(lost);
    for (const LaneNumber lane : in_.queue.lanes_of(job)) {
        if (memo_.parked(lane) != nullptr) {
            schedule(in_.queue.lane(lane)->key.shape);
        }
    }
}

/// Promises of other partitions to jobs behind this one look for nodes of their own.
void Round::give_way(const StartReservation& made) {
    std::vector<PromiseKey> behind;
    for (const auto& [key, reservation] : memo_.promises_.all()) {
        const auto taken = [&](NodeId node) {
            return std::ranges::binary_search(made.nodes, node);
        };
        if (key.first != made.request.partition && made.order < reservation.order &&
            std::ranges::any_of(reservation.nodes, taken)) {
            behind.push_back(key);
        }
    }
    for (const PromiseKey& key : behind) {
        make_anew(key, made.shape);
    }
}

/// Shapes that `before` barred get another look where it has let go of a node or of a part of it,
/// moved later in time, or is now of another job.
void Round::unbar(const StartReservation& before, const StartReservation* after) {
    const bool later = after == nullptr || after->at > before.at || before.order < after->order ||
                       after->shape != before.shape;
    for (const NodeId id : before.nodes) {
        const NodeState* still = later ? nullptr : after->then_on(id);
        if (still != nullptr && *still == *before.then_on(id)) {
            continue;
        }
        const ClusterNode* node = in_.cluster.find(id);
        if (node == nullptr || node->health != NodeHealth::Up) {
            continue;
        }
        std::optional<ClusterNode> bare;
        if (!in_.running.yielding_on(id).empty()) {
            bare = without_yielding(view(), *node);
        }
        for (const ShapeNumber shape : memo_.could_use(bare ? *bare : *node, in_.cluster, in_.queue,
                                                       RoundMemo::Wake::Barred)) {
            if (!visits_.contains(shape)) {
                memo_.blocks_.erase(shape);
                schedule(shape);
            }
        }
    }
}

}  // namespace khu
