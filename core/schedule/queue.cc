#include "core/schedule/queue.h"

#include <iterator>

#include "core/base/check.h"

namespace khu {
namespace {

constexpr JobId kNobody{0};  // ids start at 1

}  // namespace

QueuedJob queued_job(JobId id, int tier, const JobSpec& spec, NodeId suspect) {
    return {.id = id,
            .tier = tier,
            .request = request_of(spec, suspect),
            .programme = spec.programme,
            .user = spec.user,
            .qos = spec.qos,
            .project = spec.project,
            .time_limit = spec.time_limit,
            .not_before = spec.not_before,
            .held = spec.held,
            .as_if = {}};
}

void Queue::add(const QueuedJob& job, Moment now) {
    KHU_CHECK(job.id != kNobody && !contains(job.id), "job {}", job.id.value);
    const LaneNumber lane = lane_for(job);
    Place place{.lane = lane, .as_if = job.as_if, .asleep_until = Moment{0}};
    if (!job.held && job.not_before > now) {
        place.asleep_until = job.not_before;
        sleeping_.emplace(job.not_before, job.id);
    }
    place.ready = !job.held && place.asleep_until == Moment{0};
    places_.emplace(job.id, place);
    if (place.ready) {
        enter(lane, {job.as_if, job.id});
    } else {
        ++lanes_.at(lane).waiting;
    }
}

void Queue::remove(JobId job) {
    const Place place = place_of(job);
    places_.erase(job);
    if (place.ready) {
        leave(place.lane, {place.as_if, job});
    } else {
        --lanes_.at(place.lane).waiting;
        sleeping_.erase({place.asleep_until, job});
    }
    forget_if_empty(place.lane);
}

std::vector<ShapeNumber> Queue::wake(Moment now) {
    std::vector<ShapeNumber> woken;
    while (!sleeping_.empty() && sleeping_.begin()->first <= now) {
        const JobId job = sleeping_.begin()->second;
        sleeping_.erase(sleeping_.begin());
        Place& place = places_.at(job);
        place.ready = true;
        place.asleep_until = Moment{0};
        --lanes_.at(place.lane).waiting;
        enter(place.lane, {place.as_if, job});
        woken.push_back(lanes_.at(place.lane).key.shape);
    }
    return woken;
}

std::optional<Moment> Queue::next_wake() const {
    return sleeping_.empty() ? std::nullopt : std::optional(sleeping_.begin()->first);
}

const Lane* Queue::lane(LaneNumber lane) const {
    const auto found = lanes_.find(lane);
    return found == lanes_.end() ? nullptr : &found->second;
}

const ShapeLanes* Queue::shape(ShapeNumber shape) const {
    const auto found = shapes_.find(shape);
    return found == shapes_.end() ? nullptr : &found->second;
}

const Queue::ShapeHeads& Queue::heads_in(const PartitionId& partition) const {
    static const ShapeHeads none;
    const auto found = partitions_.find(partition);
    return found == partitions_.end() ? none : found->second;
}

const Queue::Place& Queue::place_of(JobId job) const {
    const auto found = places_.find(job);
    KHU_CHECK(found != places_.end(), "job {} is not queued", job.value);
    return found->second;
}

LaneNumber Queue::lane_of(JobId job) const {
    return place_of(job).lane;
}

QueueOrder Queue::order_of(JobId job) const {
    const Place& place = place_of(job);
    return order_in(lanes_.at(place.lane), {place.as_if, job});
}

bool Queue::ready(JobId job) const {
    return place_of(job).ready;
}

Moment Queue::asleep_until(JobId job) const {
    return place_of(job).asleep_until;
}

std::int64_t Queue::ahead_of(JobId job) const {
    const QueueOrder own = order_of(job);
    const PartitionId& partition =
        shapes_.at(lanes_.at(place_of(job).lane).key.shape).request.partition;
    std::int64_t ahead = 0;
    for (const auto& [first, shape] : heads_in(partition)) {
        for (const auto& [head, lane_number] : shapes_.at(shape).heads) {
            const Lane& lane = lanes_.at(lane_number);
            if (lane.key.tier > own.tier) {
                ahead += static_cast<std::int64_t>(lane.ready.size());
            } else if (lane.key.tier == own.tier) {
                const LaneJob before{own.as_if - shift(lane.leaf), job};
                ahead += std::distance(lane.ready.begin(), lane.ready.lower_bound(before));
            }
        }
    }
    return ahead;
}

std::map<PartitionId, QueueOrder> Queue::set_shift(LeafNumber leaf, Span by) {
    std::map<PartitionId, QueueOrder> moved;
    if (leaf >= shifts_.size()) {
        shifts_.resize(leaf + 1);
    }
    Shift& shift = shifts_[leaf];
    shift.by = by;
    for (const LaneNumber number : shift.lanes) {
        Lane& lane = lanes_.at(number);
        if (lane.ready.empty()) {
            continue;
        }
        const QueueOrder before = lane.head;
        take_head(lane);
        put_head(number, lane);
        const PartitionId& partition = shapes_.at(lane.key.shape).request.partition;
        const QueueOrder first = std::min(before, lane.head);
        const auto known = moved.try_emplace(partition, first).first;
        known->second = std::min(known->second, first);
    }
    return moved;
}

LaneNumber Queue::lane_for(const QueuedJob& job) {
    const ShapeNumber shape = shape_for(job.request, job.way.yields);
    const PartyNumber party = party_for(job);
    const LaneKey key{
        .shape = shape, .party = party, .tier = job.tier, .time_limit = job.time_limit};
    const auto [found, fresh] = lane_numbers_.try_emplace(key, last_lane_ + 1);
    if (fresh) {
        ++last_lane_;
        ++shapes_.at(shape).lanes;
        ++parties_.at(*party_of_.at(party)).lanes;
        if (job.leaf >= shifts_.size()) {
            shifts_.resize(job.leaf + 1);
        }
        shifts_[job.leaf].lanes.insert(last_lane_);
        lanes_.emplace(last_lane_,
                       Lane{.key = key, .leaf = job.leaf, .way = job.way, .ready = {}, .head = {}});
    }
    return found->second;
}

ShapeNumber Queue::shape_for(const GangRequest& request, bool yields) {
    const auto [found, fresh] =
        shape_numbers_.try_emplace(std::pair(request, yields), last_shape_ + 1);
    if (fresh) {
        ++last_shape_;
        shapes_.emplace(last_shape_,
                        ShapeLanes{.request = request, .yields = yields, .heads = {}, .lanes = 0});
    }
    return found->second;
}

PartyNumber Queue::party_for(const QueuedJob& job) {
    const auto [found, fresh] = parties_.try_emplace(
        Party{job.programme, job.user, job.qos, job.project, job.leaf, job.way, job.or_idle},
        PartyLanes{});
    if (fresh) {
        found->second.number = ++last_party_;
        party_of_.emplace(last_party_, &found->first);
    }
    return found->second.number;
}

void Queue::enter(LaneNumber number, const LaneJob& job) {
    Lane& lane = lanes_.at(number);
    if (lane.ready.empty() || job < *lane.ready.begin()) {
        take_head(lane);
        lane.ready.insert(job);
        put_head(number, lane);
    } else {
        lane.ready.insert(job);
    }
}

void Queue::leave(LaneNumber number, const LaneJob& job) {
    Lane& lane = lanes_.at(number);
    const auto found = lane.ready.find(job);
    KHU_CHECK(found != lane.ready.end(), "job {}", job.second.value);
    if (found == lane.ready.begin()) {
        take_head(lane);
        lane.ready.erase(found);
        put_head(number, lane);
    } else {
        lane.ready.erase(found);
    }
}

/// The lane's first job is no longer among the heads of its shape, until put_head().
void Queue::take_head(const Lane& lane) {
    if (lane.ready.empty()) {
        return;
    }
    ShapeLanes& shape = shapes_.at(lane.key.shape);
    ShapeHeads& heads = partitions_[shape.request.partition];
    if (shape.heads.begin()->first == lane.head) {
        heads.erase(lane.head);
    }
    shape.heads.erase(lane.head);
    if (!shape.heads.empty()) {
        heads.emplace(shape.heads.begin()->first, lane.key.shape);
    }
}

void Queue::put_head(LaneNumber number, Lane& lane) {
    if (lane.ready.empty()) {
        return;
    }
    lane.head = order_in(lane, *lane.ready.begin());
    ShapeLanes& shape = shapes_.at(lane.key.shape);
    ShapeHeads& heads = partitions_[shape.request.partition];
    if (!shape.heads.empty() && lane.head < shape.heads.begin()->first) {
        heads.erase(shape.heads.begin()->first);
    }
    shape.heads.emplace(lane.head, number);
    if (shape.heads.begin()->first == lane.head) {
        heads.emplace(lane.head, lane.key.shape);
    }
}

void Queue::forget_if_empty(LaneNumber number) {
    const auto found = lanes_.find(number);
    if (!found->second.ready.empty() || found->second.waiting > 0) {
        return;
    }
    const LaneKey key = found->second.key;
    shifts_[found->second.leaf].lanes.erase(number);
    lane_numbers_.erase(key);
    lanes_.erase(found);
    if (--shapes_.at(key.shape).lanes == 0) {
        const ShapeLanes& gone = shapes_.at(key.shape);
        shape_numbers_.erase({gone.request, gone.yields});
        shapes_.erase(key.shape);
    }
    const auto party = parties_.find(*party_of_.at(key.party));
    if (--party->second.lanes == 0) {
        party_of_.erase(key.party);
        parties_.erase(party);
    }
}

}  // namespace khu
