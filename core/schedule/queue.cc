#include "core/schedule/queue.h"

#include <algorithm>
#include <climits>
#include <iterator>

#include "core/base/check.h"
#include "core/jobs/alternatives.h"

namespace khu {
namespace {

constexpr JobId kNobody{0};  // ids start at 1

}  // namespace

QueuedJob queued_job(JobId id, int tier, const JobSpec& spec, NodeId suspect) {
    QueuedJob job{.id = id,
                  .tier = tier,
                  .request = request_of(spec, suspect),
                  .programme = spec.programme,
                  .user = spec.user,
                  .qos = spec.qos,
                  .project = spec.project,
                  .time_limit = spec.time_limit,
                  .not_before = spec.not_before,
                  .held = spec.held,
                  .as_if = {},
                  .counted = spec.counted};
    for (int way = 1; way < ways_of(spec); ++way) {
        const JobSpec of = in_way(spec, way);
        job.further.push_back({request_of(of, suspect), of.time_limit});
    }
    return job;
}

template <class Do>
void Queue::each_lane(JobId job, const Do& act) {
    act(place_of(job).lane);
    if (const auto further = further_.find(job); further != further_.end()) {
        for (const LaneNumber lane : further->second) {
            act(lane);
        }
    }
}

void Queue::add(const QueuedJob& job, Moment now) {
    KHU_CHECK(job.id != kNobody && !contains(job.id), "job {}", job.id.value);
    const LaneNumber lane = lane_for(job, {job.request, job.time_limit}, 0);
    Place place{.lane = lane, .as_if = job.as_if, .asleep_until = Moment{0}};
    if (!job.held && job.not_before > now) {
        place.asleep_until = job.not_before;
        sleeping_.emplace(job.not_before, job.id);
    }
    place.ready = !job.held && place.asleep_until == Moment{0};
    places_.emplace(job.id, place);
    for (const QueuedWay& way : job.further) {
        std::vector<LaneNumber>& lanes = further_[job.id];
        lanes.push_back(lane_for(job, way, static_cast<int>(lanes.size()) + 1));
    }
    each_lane(job.id, [&](LaneNumber each) {
        if (place.ready) {
            enter(each, {job.as_if, job.id});
        } else {
            ++lanes_.at(each).waiting;
        }
    });
}

void Queue::remove(JobId job) {
    const Place place = place_of(job);
    each_lane(job, [&](LaneNumber lane) {
        if (place.ready) {
            leave(lane, {place.as_if, job});
        } else {
            --lanes_.at(lane).waiting;
        }
        forget_if_empty(lane);
    });
    if (place.asleep_until != Moment{0}) {
        sleeping_.erase({place.asleep_until, job});
    }
    further_.erase(job);
    places_.erase(job);
}

std::vector<ShapeNumber> Queue::wake(Moment now) {
    std::vector<ShapeNumber> woken;
    while (!sleeping_.empty() && sleeping_.begin()->first <= now) {
        const JobId job = sleeping_.begin()->second;
        sleeping_.erase(sleeping_.begin());
        Place& place = places_.at(job);
        place.ready = true;
        place.asleep_until = Moment{0};
        each_lane(job, [&](LaneNumber lane) {
            --lanes_.at(lane).waiting;
            enter(lane, {place.as_if, job});
            woken.push_back(lanes_.at(lane).key.shape);
        });
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

Span Queue::shortest(ShapeNumber shape) const {
    const auto first =
        lane_numbers_.lower_bound({.shape = shape, .time_limit = Span{INT64_MIN}, .tier = INT_MIN});
    KHU_CHECK(first != lane_numbers_.end() && first->first.shape == shape, "shape {}", shape);
    return first->first.time_limit;
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

LaneNumber Queue::lane_of(JobId job, int alternative) const {
    return alternative == 0 ? place_of(job).lane
                            : further_.at(job).at(static_cast<std::size_t>(alternative) - 1);
}

std::vector<LaneNumber> Queue::lanes_of(JobId job) const {
    std::vector<LaneNumber> lanes{place_of(job).lane};
    if (const auto further = further_.find(job); further != further_.end()) {
        lanes.insert(lanes.end(), further->second.begin(), further->second.end());
    }
    return lanes;
}

QueueOrder Queue::order_of(JobId job, int alternative) const {
    return order_in(lanes_.at(lane_of(job, alternative)), {place_of(job).as_if, job});
}

bool Queue::ready(JobId job) const {
    return place_of(job).ready;
}

Moment Queue::asleep_until(JobId job) const {
    return place_of(job).asleep_until;
}

/// Whether an earlier alternative of the job is of that partition too.
bool Queue::stands_before_in(const PartitionId& partition, JobId job, int alternative) const {
    for (int earlier = 0; earlier < alternative; ++earlier) {
        const Lane& lane = lanes_.at(lane_of(job, earlier));
        if (shapes_.at(lane.key.shape).request.partition == partition) {
            return true;
        }
    }
    return false;
}

/// The lane's jobs before `end`, each counted once in a partition.
std::int64_t Queue::before_in(const Lane& lane, LaneJob end) const {
    const auto last = lane.ready.lower_bound(end);
    if (lane.key.alternative == 0) {
        return std::distance(lane.ready.begin(), last);
    }
    const PartitionId& partition = shapes_.at(lane.key.shape).request.partition;
    return std::count_if(lane.ready.begin(), last, [&](const LaneJob& each) {
        return !stands_before_in(partition, each.second, lane.key.alternative);
    });
}

std::int64_t Queue::ahead_of(JobId job, int alternative) const {
    const QueueOrder own = order_of(job, alternative);
    const PartitionId& partition =
        shapes_.at(lanes_.at(lane_of(job, alternative)).key.shape).request.partition;
    std::int64_t ahead = 0;
    for (const auto& [first, shape] : heads_in(partition)) {
        for (const auto& [head, lane_number] : shapes_.at(shape).heads) {
            const Lane& lane = lanes_.at(lane_number);
            if (lane.key.tier > own.tier && lane.key.alternative == 0) {
                ahead += static_cast<std::int64_t>(lane.ready.size());
            } else if (lane.key.tier > own.tier) {
                ahead += before_in(lane, {kNever, JobId{UINT64_MAX}});
            } else if (lane.key.tier == own.tier) {
                ahead += before_in(lane, {own.as_if - delay(lane), job});
            }
        }
    }
    return ahead;
}

std::map<PartitionId, QueueOrder> Queue::set_delay(LeafNumber number_of_leaf, Delay delay) {
    std::map<PartitionId, QueueOrder> moved;
    if (number_of_leaf >= leaves_.size()) {
        leaves_.resize(number_of_leaf + 1);
    }
    Leaf& leaf = leaves_[number_of_leaf];
    leaf.delay = delay;
    for (const LaneNumber number : leaf.lanes) {
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

LaneNumber Queue::lane_for(const QueuedJob& job, const QueuedWay& way, int alternative) {
    const ShapeNumber shape = shape_for(way.request, job.way.yields);
    const PartyNumber party = party_for(job);
    const LaneKey key{.shape = shape,
                      .time_limit = way.time_limit,
                      .party = party,
                      .tier = job.tier,
                      .alternative = alternative,
                      .narrow_permille = job.narrow_permille};
    const auto [found, fresh] = lane_numbers_.try_emplace(key, last_lane_ + 1);
    if (fresh) {
        ++last_lane_;
        ++shapes_.at(shape).lanes;
        ++parties_.at(*party_of_.at(party)).lanes;
        if (job.leaf >= leaves_.size()) {
            leaves_.resize(job.leaf + 1);
        }
        leaves_[job.leaf].lanes.insert(last_lane_);
        lanes_.emplace(last_lane_,
                       Lane{.key = key, .leaf = job.leaf, .way = job.way, .ready = {}, .head = {}});
        if (!job.counted->all.empty()) {
            wishing_.insert(last_lane_);
        }
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
    const auto [found, fresh] =
        parties_.try_emplace(Party{job.programme, job.user, job.qos, job.project, job.leaf, job.way,
                                   job.or_idle, job.capped_array, job.counted},
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
    leaves_[found->second.leaf].lanes.erase(number);
    lane_numbers_.erase(key);
    wishing_.erase(number);
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
