#include "core/schedule/round.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/base/limits.h"
#include "core/placement/gang.h"
#include "core/schedule/round_steps.h"

namespace khu {
namespace {

/// Shapes that are tried for one partition's reservation in one round, when those before can get
/// none.
constexpr int kWalkSteps = 64;

}  // namespace

RoundResult Round::run() {
    gather();
    for (Visit* visit = first_due(); visit != nullptr && !cut_off(); visit = first_due()) {
        consider(*visit);
        walk_on(visit->shape.request.partition);
    }
    put_back();
    return std::move(result_);
}

/// Step 1: promised jobs, the touched shapes, and in partitions without a reservation the first
/// that waits.
void Round::gather() {
    if (memo_.all_) {
        memo_.start_over(in_.queue);
    }
    start_cleared();
    const std::set<ShapeNumber> touched = std::exchange(memo_.touched_, {});
    for (const ShapeNumber shape : touched) {
        schedule(shape);
    }
    for (const auto& [key, gone] : memo_.dropped_) {
        look_again_at(key);
        look_at_all_ways(key.second);
    }
    const std::set<PartitionId> headless = memo_.headless_;
    for (const PartitionId& partition : headless) {
        walk_on(partition);
    }
}

/// Claims: the shape has jobs.
Round::Visit& Round::visit_of(ShapeNumber shape) {
    const auto found = visits_.find(shape);
    if (found != visits_.end()) {
        return found->second;
    }
    return visits_
        .emplace(shape, Visit{.number = shape,
                              .shape = *in_.queue.shape(shape),
                              .cursor = ShapeCursor(in_.queue, shape)})
        .first->second;
}

/// Puts the shape where its next job stands.
void Round::schedule(ShapeNumber shape) {
    if (in_.queue.shape(shape) != nullptr) {
        go_on(visit_of(shape));
    }
}

void Round::go_on(Visit& visit) {
    if (visit.due) {
        return;
    }
    if (const auto candidate = visit.cursor.current()) {
        make_due(visit, *candidate);
    }
}

/// Where the candidate stands after what was started in this round.
void Round::make_due(Visit& visit, const ShapeCursor::Candidate& candidate) {
    visit.due = true;
    visit.order = candidate.order;
    visit.lane_number = candidate.lane;
    visit.lane = in_.queue.lane(candidate.lane);
    const LeafNumber leaf = visit.lane->leaf;
    if (moved_.contains(leaf)) {
        visit.order.as_if = visit.order.as_if - in_.queue.delay(*visit.lane) +
                            in_.fair.delay(leaf).of(visit.lane->key.narrow_permille);
    }
    due_.push_back({visit.order, &visit});
    std::push_heap(due_.begin(), due_.end());
    if (visit.listed != leaf) {
        visit.listed = leaf;
        due_of_[leaf].push_back(&visit);
    }
}

/// The one whose next job stands first; null if none is due.
Round::Visit* Round::first_due() {
    while (!due_.empty()) {
        const Due& top = due_.front();
        if (top.visit->due && top.visit->order == top.order) {
            return top.visit;
        }
        std::pop_heap(due_.begin(), due_.end());
        due_.pop_back();
    }
    return nullptr;
}

/// While a partition has no reservation, its shapes are looked at one after the other, to find the
/// first that needs one.
void Round::walk_on(const PartitionId& partition) {
    if (!memo_.headless_.contains(partition)) {
        return;
    }
    Walk& walk = walks_[partition];
    const Queue::ShapeHeads& heads = in_.queue.heads_in(partition);
    for (auto next = heads.lower_bound(walk.from); next != heads.end(); ++next) {
        walk.from = next->first;
        const ShapeNumber shape = next->second;
        const auto visited = visits_.find(shape);
        if (visited != visits_.end() && visited->second.due &&
            visited->second.order.job == next->first.job) {
            return;  // Its turn will come.
        }
        // One that is due with a later job started those before it: others may stand between.
        if (visited != visits_.end() || !lane_of_first(shape).way.holds_place ||
            !in_.queue.shape(shape)->request.where->reservation.empty() ||
            memo_.block(shape) == ShapeBlock::Unavailable || memo_.all_parked(shape, in_.queue)) {
            continue;
        }
        if (++walk.steps <= kWalkSteps) {
            schedule(shape);
            return;
        }
    }
    memo_.headless_.erase(partition);
    settle_dropped(partition, nullptr);
}

/// The partition has what promises it can have, `after` the last made: jobs barred by those that
/// were dropped may go where they have let go.
void Round::settle_dropped(const PartitionId& partition, const StartReservation* after) {
    for (;;) {
        const auto before = memo_.dropped_.lower_bound({partition, JobId{0}});
        if (before == memo_.dropped_.end() || before->first.first != partition) {
            return;
        }
        const StartReservation gone = std::move(before->second);
        const StartReservation* again = memo_.promises_.find(before->first);
        memo_.dropped_.erase(before);
        unbar(gone, again != nullptr ? again : after);
    }
}

bool Round::cut_off() {
    result_.cut_off = result_.looked_at >= limits::round_looks_max ||
                      static_cast<std::int64_t>(result_.starts.size()) >= limits::round_starts_max;
    return result_.cut_off;
}

/// What was taken for this round's starts goes back: they become facts later. What was not looked
/// at stays touched.
void Round::put_back() {
    for (const auto& [leaf, use] : held_) {
        in_.fair.unhold(leaf, use);
    }
    in_.fair.refresh(in_.now);
    for (const LeafNumber leaf : moved_) {
        KHU_CHECK(in_.fair.delay(leaf) == in_.queue.delay(leaf), "leaf {}", leaf);
    }
    for (const Due& each : due_) {
        if (each.visit->due) {
            memo_.touched_.insert(each.visit->number);
        }
    }
    for (const Eviction& eviction : result_.evictions) {
        in_.clearings.remove(eviction.promise.job);
        for (const JobId victim : eviction.victims) {
            in_.clearings.left(victim);
        }
    }
    for (Clearing& promise : kept_) {
        in_.clearings.add(std::move(promise));
    }
    for (auto start = started_.rbegin(); start != started_.rend(); ++start) {
        for (auto node = start->nodes.rbegin(); node != start->nodes.rend(); ++node) {
            in_.cluster.give(*node);
        }
    }
}

Round::Look Round::look_at(Visit& visit, LaneNumber number, const Lane& lane, QueueOrder order) {
    const Span limit = lane.key.time_limit;
    return {.shape = visit.number,
            .lane = number,
            .order = order,
            .request = visit.shape.request,
            .time_limit = limit,
            .way = lane.way,
            .ends_at = in_.now + sure_of(lane.way, limit),
            .visit = visit};
}

/// Claims: it is due.
void Round::consider(Visit& visit) {
    visit.due = false;
    ++result_.looked_at;
    if (settled_.contains(visit.order.job)) {
        visit.cursor.started();
        go_on(visit);
        return;
    }
    const Look look = look_at(visit, visit.lane_number, *visit.lane, visit.order);
    const Verdict verdict = judge(look);
    if (verdict == Verdict::ShapeDone) {
        return;
    }
    // Another way of the job may have the same shape, and have made it due with this job.
    visit.due = false;
    verdict == Verdict::NextJob ? visit.cursor.started() : visit.cursor.skip_lane();
    go_on(visit);
}

/// Step 2: what is known already, and what the ledger and the limits say.
Round::Verdict Round::judge(const Look& look) {
    if (memo_.parked(look.lane) != nullptr) {
        if (!lost_.contains({look.request.partition, look.order.job})) {
            return Verdict::NextLane;
        }
        memo_.unpark(look.lane);
    }
    const ShapeBlock block = memo_.block(look.shape);
    if (block == ShapeBlock::Unavailable) {
        return Verdict::ShapeDone;
    }
    if (block == ShapeBlock::Busy && !needs_promise(look)) {
        return has_promise(look) ? after_promise(look) : Verdict::ShapeDone;
    }
    if (std::optional<Reason> reason =
            in_.admission.admit(look.order.job, look.order.alternative)) {
        promise_later(look, *reason);
        park(look, std::move(*reason));
        return Verdict::NextLane;
    }
    if (block == ShapeBlock::Busy) {
        return busy(look);
    }
    return try_to_place(look);
}

/// Step 3, and 5: beside the reservations of jobs before it.
Round::Verdict Round::try_to_place(const Look& look) {
    const std::vector<PromiseKey> bars =
        bars_of(look, may_clear(look) ? longest_to_clear() : Span{});
    for (const std::vector<PromiseKey>& failed : look.visit.failed_bars) {
        if (std::ranges::includes(bars, failed)) {
            memo_.blocks_[look.shape] = ShapeBlock::Barred;
            return after_barred(look, failed);
        }
    }
    if (std::optional<Reason> lent =
            in_.admission.lent_out(look.order.job, look.order.alternative)) {
        if (const std::optional<Verdict> made = make_way(look, bars)) {
            return *made;
        }
        park(look, *std::move(lent));
        return Verdict::NextLane;
    }
    Expected<Placement, Misfit> placement = place_now(look, bars);
    if (placement) {
        start(look, std::move(*placement));
        return Verdict::NextJob;
    }
    if (const std::optional<Verdict> made = make_way(look, bars)) {
        return *made;
    }
    if (!bars.empty() &&
        (can_place(in_.cluster, look.request, by_calendar(look, {})) || room_for(look, {}))) {
        return barred(look, bars);
    }
    if (!in_.bookings.empty() && can_place(in_.cluster, look.request)) {
        if (needs_promise(look)) {
            reserve(look, in_.now);
        }
        return barred(look, {});  // A shorter one may end before the window begins.
    }
    return busy(look);
}

/// The shape fits, but not beside the reservations. A shorter job of the same shape may.
Round::Verdict Round::barred(const Look& look, const std::vector<PromiseKey>& bars) {
    memo_.blocks_[look.shape] = ShapeBlock::Barred;
    const Verdict next = after_barred(look, bars);
    if (!bars.empty()) {
        if (in_.bookings.empty()) {  // Else it may be that only the longer one did not fit.
            look.visit.failed_bars.push_back(bars);
        }
        if (needs_promise(look)) {  // Another partition's reservation is in its way.
            reserve(look, in_.now);
        }
    }
    return next;
}

Round::Verdict Round::after_barred(const Look& look, const std::vector<PromiseKey>& bars) {
    const bool enough = ++look.visit.barred_lanes >= limits::backfill_lanes_max;
    return enough || bar_all_lanes(look, bars) ? Verdict::ShapeDone : Verdict::NextLane;
}

/// Whether the same reservations bar every job of the shape behind this one, because none is
/// shorter. One of the shape's own would not bar the job that has it.
bool Round::bar_all_lanes(const Look& look, const std::vector<PromiseKey>& bars) const {
    if (bars.empty() || look.way.yields || !in_.bookings.empty()) {
        return false;
    }
    std::optional<Span>& shortest = look.visit.shortest;
    if (!shortest) {
        shortest = in_.queue.shortest(look.shape);
    }
    return look.time_limit <= *shortest && std::ranges::none_of(bars, [&](const PromiseKey& key) {
               const StartReservation* promise = memo_.promises_.find(key);
               return promise == nullptr || promise->shape == look.shape;
           });
}

/// Step 4: the shape does not fit now. The first such jobs of its partition get reservations.
Round::Verdict Round::busy(const Look& look) {
    memo_.blocks_[look.shape] = ShapeBlock::Busy;
    if (!needs_promise(look)) {
        return Verdict::ShapeDone;
    }
    switch (reserve(look, in_.now)) {
        case Reserved::Here:
            return after_promise(look);
        case Reserved::Elsewhere:
            return Verdict::NextJob;
        case Reserved::No:
            break;
    }
    if (promised_before(look).empty()) {
        memo_.blocks_[look.shape] = ShapeBlock::Unavailable;
    }
    return Verdict::ShapeDone;
}

bool Round::has_promise(const Look& look) const {
    const StartReservation* own = memo_.promises_.find({look.request.partition, look.order.job});
    return own != nullptr && own->order.alternative == look.order.alternative;
}

/// The next job of the same shape may get a reservation too.
Round::Verdict Round::after_promise(const Look& look) const {
    return full(look.request.partition) ? Verdict::ShapeDone : Verdict::NextJob;
}

void Round::start(const Look& look, Placement placement) {
    const Moment yields_at = look.way.yields ? in_.now + look.way.after : kNever;
    RunningJob attempt{.job = look.order.job,
                       .enterprise = look.request.enterprise,
                       .deadline = in_.now + look.time_limit,
                       .nodes = placement.nodes,
                       .taken_at = in_.now,
                       .yields_at = yields_at};
    for (const NodeAllocation& allocation : placement.nodes) {
        take_from_reservations(look, allocation);
        in_.cluster.take(look.request.enterprise, allocation);
    }
    if (in_.queue.has_alternatives(look.order.job)) {
        placement.receipt.alternative = look.order.alternative + 1;
        settled_.insert(look.order.job);
    }
    count_use(look.lane, in_.admission.started(look.order.job, placement));
    started_.push_back(std::move(attempt));
    result_.starts.push_back({look.order.job, std::move(placement)});
    step_aside(look);
}

/// Jobs behind it for which something was reserved are looked at again: it has taken a part.
void Round::step_aside(const Look& look) {
    std::vector<PromiseKey> moved;
    for (const auto& [key, reservation] : memo_.promises_.all()) {
        const bool own = key.second == look.order.job;
        if (own || (reservation.order >= look.order && meets_nodes_of(look, key))) {
            moved.push_back(key);
        }
    }
    for (const PromiseKey& key : moved) {
        const bool other_way =
            key.second == look.order.job && memo_.promises_.find(key)->shape != look.shape;
        other_way ? promise_goes(key) : make_anew(key, look.shape);
    }
    for (const PromiseKey& key : moved) {
        walk_on(key.first);
    }
}

/// The promise is dropped, and its job looked at again unless its shape had its turn.
void Round::make_anew(const PromiseKey& key, ShapeNumber in_turn) {
    const ShapeNumber waiting = memo_.promises_.find(key)->shape;
    memo_.drop_reservation(key);
    lost_.insert(key);
    if (waiting != in_turn && !visits_.contains(waiting)) {
        schedule(waiting);
    }
    look_at_all_ways(key.second);
}

bool Round::meets_nodes_of(const Look& look, const PromiseKey& key) const {
    return key.first == look.request.partition ||
           shares_nodes(look.request.partition, *memo_.promises_.find(key));
}

void Round::count_use(LaneNumber lane, Atoms use) {
    const LeafNumber leaf = in_.queue.lane(lane)->leaf;
    if (leaf == kNoLeaf || use == Atoms{0}) {
        return;
    }
    in_.fair.hold(leaf, use);
    held_.emplace_back(leaf, use);
    for (const LeafNumber other : in_.fair.refresh(in_.now)) {
        moved_.insert(other);
        for (Visit* visit : std::exchange(due_of_[other], {})) {
            visit->listed = kNoLeaf;
            if (visit->due) {
                make_due(*visit, *visit->cursor.current());
            }
        }
    }
}

void Round::park(const Look& look, Reason reason) {
    memo_.park(
        look.lane,
        {.reason = std::move(reason), .shape = look.shape, .enterprise = look.request.enterprise});
}

RoundResult run_round(const RoundInput& input) {
    return Round(input).run();
}

}  // namespace khu
