#include "core/schedule/queue.h"

#include <iterator>

#include "core/base/check.h"

namespace khu {
namespace {

constexpr JobId kNobody{0};  // ids start at 1

JobId first_of(const std::set<JobId>& jobs) {
    return jobs.empty() ? kNobody : *jobs.begin();
}

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
            .held = spec.held};
}

void Queue::add(const QueuedJob& job, Moment now) {
    KHU_CHECK(job.id != kNobody && !contains(job.id), "job {}", job.id.value);
    const LaneNumber lane = lane_for(job);
    Place place{.lane = lane, .ready = false, .asleep_until = Moment{0}};
    if (!job.held && job.not_before > now) {
        place.asleep_until = job.not_before;
        sleeping_.emplace(job.not_before, job.id);
    }
    place.ready = !job.held && place.asleep_until == Moment{0};
    places_.emplace(job.id, place);
    if (place.ready) {
        enter(lane, job.id);
    } else {
        ++lanes_.at(lane).waiting;
    }
}

void Queue::remove(JobId job) {
    const Place place = place_of(job);
    places_.erase(job);
    if (place.ready) {
        leave(place.lane, job);
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
        enter(place.lane, job);
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
    return {lanes_.at(place_of(job).lane).key.tier, job};
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
                ahead += std::distance(lane.ready.begin(), lane.ready.lower_bound(job));
            }
        }
    }
    return ahead;
}

LaneNumber Queue::lane_for(const QueuedJob& job) {
    const ShapeNumber shape = shape_for(job.request);
    LaneKey key{.shape = shape,
                .tier = job.tier,
                .programme = job.programme,
                .user = job.user,
                .qos = job.qos,
                .project = job.project,
                .time_limit = job.time_limit};
    const auto [found, fresh] = lane_numbers_.try_emplace(key, last_lane_ + 1);
    if (fresh) {
        ++last_lane_;
        ++shapes_.at(shape).lanes;
        lanes_.emplace(last_lane_, Lane{.key = std::move(key), .ready = {}, .waiting = 0});
    }
    return found->second;
}

ShapeNumber Queue::shape_for(const GangRequest& request) {
    const auto [found, fresh] = shape_numbers_.try_emplace(request, last_shape_ + 1);
    if (fresh) {
        ++last_shape_;
        shapes_.emplace(last_shape_, ShapeLanes{.request = request, .heads = {}, .lanes = 0});
    }
    return found->second;
}

void Queue::enter(LaneNumber lane, JobId job) {
    std::set<JobId>& ready = lanes_.at(lane).ready;
    const JobId before = first_of(ready);
    ready.insert(job);
    move_head(lane, before);
}

void Queue::leave(LaneNumber lane, JobId job) {
    std::set<JobId>& ready = lanes_.at(lane).ready;
    KHU_CHECK(ready.contains(job), "job {}", job.value);
    const JobId before = first_of(ready);
    ready.erase(job);
    move_head(lane, before);
}

/// The first job of the lane was `before`; brings the orders of its shape and partition up to date.
void Queue::move_head(LaneNumber number, JobId before) {
    const Lane& lane = lanes_.at(number);
    const JobId after = first_of(lane.ready);
    if (before == after) {
        return;
    }
    ShapeLanes& shape = shapes_.at(lane.key.shape);
    ShapeHeads& heads = partitions_[shape.request.partition];
    if (!shape.heads.empty()) {
        heads.erase(shape.heads.begin()->first);
    }
    shape.heads.erase(QueueOrder{lane.key.tier, before});
    if (after != kNobody) {
        shape.heads.emplace(QueueOrder{lane.key.tier, after}, number);
    }
    if (!shape.heads.empty()) {
        heads.emplace(shape.heads.begin()->first, lane.key.shape);
    }
}

void Queue::forget_if_empty(LaneNumber number) {
    const auto lane = lanes_.find(number);
    if (!lane->second.ready.empty() || lane->second.waiting > 0) {
        return;
    }
    const ShapeNumber shape = lane->second.key.shape;
    lane_numbers_.erase(lane->second.key);
    lanes_.erase(lane);
    if (--shapes_.at(shape).lanes == 0) {
        shape_numbers_.erase(shapes_.at(shape).request);
        shapes_.erase(shape);
    }
}

}  // namespace khu
