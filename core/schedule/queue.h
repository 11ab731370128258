#pragma once

/// \file
/// The jobs that wait, in their order: what the policy makes of submission, tier and size
/// (ordering.h), delayed by how much the enterprise has had (fair_tree.h). Jobs that ask for the
/// same, and give way alike, share a *shape* (what placement sees); within it, jobs that the ledger
/// and the limits see alike share a *lane*, so that one answer serves all of a lane. A round looks
/// at heads of lanes, not at jobs. Insertion and removal are O(log n); a new delay moves the heads
/// of one enterprise's lanes.
///
/// A job with alternatives stands in a lane for each of them, at the place in the order that its
/// first gives it; among its own, the first comes first.
///
/// A job that is held, or waits for its begin time, is in the queue but in no lane.

#include <algorithm>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/placement/gang.h"
#include "core/schedule/fair_tree.h"

namespace khu {

/// What becomes of a job beside those that are charged.
struct GivingWay {
    bool yields{false};      ///< its attempts may be told to end for a job that is charged
    Span after;              ///< not before they have had so long
    bool holds_place{true};  ///< it may be the one for which devices are reserved
    auto operator<=>(const GivingWay&) const = default;
};

/// How long nothing else can use what the attempt has: it is in nobody's way once it may be told.
inline Span sure_of(const GivingWay& way, Span time_limit) {
    return way.yields ? std::min(time_limit, way.after) : time_limit;
}

/// What an alternative beyond the first asks for.
struct QueuedWay {
    GangRequest request;
    Span time_limit;
};

/// What the queue must know of a job.
struct QueuedJob {
    JobId id;
    int tier{0};  ///< strictly before lower ones: 0 the idle class, 1 the others, 2 the floor
    GangRequest request;
    ProgrammeId programme;
    UserId user;
    QosId qos;
    Text project;
    Span time_limit;
    Moment not_before;  ///< 0: at once
    bool held{false};
    Moment as_if;               ///< stands as if submitted then, before the fair share's delay
    LeafNumber leaf{kNoLeaf};   ///< whose delay it gets,
    int narrow_permille{1000};  ///< so much of it for its share
    GivingWay way{};
    bool or_idle{false};
    std::vector<QueuedWay> further{};  ///< its alternatives after the first
    JobId capped_array{};  ///< of an element: its array, if so many of it may run; 0: none
    Boxed<CountedWishes> counted{};
};
QueuedJob queued_job(JobId id, int tier, const JobSpec& spec, NodeId suspect);

/// A job's place in the order: less is earlier.
struct QueueOrder {
    int tier{0};
    Moment as_if;
    JobId job;
    int alternative{0};
    std::strong_ordering operator<=>(const QueueOrder& other) const {
        if (tier != other.tier) {
            return other.tier <=> tier;
        }
        if (as_if != other.as_if) {
            return as_if <=> other.as_if;
        }
        return job != other.job ? job <=> other.job : alternative <=> other.alternative;
    }
    bool operator==(const QueueOrder&) const = default;
};

/// Given once and never again, so that a memo about a shape or lane cannot meet another one.
using ShapeNumber = std::uint64_t;
using LaneNumber = std::uint64_t;

using PartyNumber = std::uint64_t;

/// Who pays for a job and how: what the ledger and the limits see of it, beside its shape.
struct Party {
    ProgrammeId programme;
    UserId user;
    QosId qos;
    Text project;
    LeafNumber leaf{kNoLeaf};
    GivingWay way;
    bool or_idle{false};
    JobId capped_array;
    Boxed<CountedWishes> counted{};
    auto operator<=>(const Party&) const = default;
};

/// Ordered so that a shape's lanes stand together, those with the shortest limit first.
struct LaneKey {
    ShapeNumber shape{0};
    Span time_limit;
    PartyNumber party{0};
    int tier{0};
    int alternative{0};         ///< of all its jobs
    int narrow_permille{1000};  ///< the same
    auto operator<=>(const LaneKey&) const = default;
};

/// A job of a lane: by what it stands for, then by number.
using LaneJob = std::pair<Moment, JobId>;

struct Lane {
    LaneKey key;
    LeafNumber leaf{kNoLeaf};
    GivingWay way;
    std::set<LaneJob> ready;  ///< may start, in their order
    std::int64_t waiting{0};  ///< held or asleep
    QueueOrder head;          ///< of the first ready job, as the shape knows it
};

struct ShapeLanes {
    GangRequest request;
    bool yields{false};  ///< what does not fit for the idle class may fit for who is charged
    std::map<QueueOrder, LaneNumber> heads;  ///< the first ready job of each lane that has one
    std::int64_t lanes{0};
};

class Queue {
public:
    /// Claims: the job is not in the queue.
    void add(const QueuedJob& job, Moment now);
    /// Claims: the job is in the queue.
    void remove(JobId job);
    [[nodiscard]] bool contains(JobId job) const { return places_.contains(job); }
    [[nodiscard]] std::size_t size() const { return places_.size(); }

    /// The leaf's jobs stand so much later than they would. Gives the partitions in which an order
    /// has changed, with the earliest place that was left or taken there.
    std::map<PartitionId, QueueOrder> set_delay(LeafNumber leaf, Delay delay);
    [[nodiscard]] Delay delay(LeafNumber leaf) const {
        return leaf < leaves_.size() ? leaves_[leaf].delay : Delay{};
    }
    /// How much later the lane's jobs stand for it.
    [[nodiscard]] Span delay(const Lane& lane) const {
        return delay(lane.leaf).of(lane.key.narrow_permille);
    }

    /// Moves the jobs whose begin time has come into their lanes; gives their shapes.
    std::vector<ShapeNumber> wake(Moment now);
    /// The next begin time; none if nothing sleeps.
    [[nodiscard]] std::optional<Moment> next_wake() const;

    /// Null if it has no jobs any more.
    [[nodiscard]] const Lane* lane(LaneNumber lane) const;
    [[nodiscard]] const ShapeLanes* shape(ShapeNumber shape) const;
    /// The lanes whose jobs ask for counted resources.
    [[nodiscard]] const std::set<LaneNumber>& wishing() const { return wishing_; }
    /// The shortest time limit of its jobs. Claims: the shape is known.
    [[nodiscard]] Span shortest(ShapeNumber shape) const;
    /// The shapes of a partition that have ready jobs, by their first; empty if there are none.
    using ShapeHeads = std::map<QueueOrder, ShapeNumber>;
    [[nodiscard]] const ShapeHeads& heads_in(const PartitionId& partition) const;
    /// Partitions for which a job ever waited.
    [[nodiscard]] const std::map<PartitionId, ShapeHeads>& partitions() const {
        return partitions_;
    }

    /// Claims: the job is in the queue.
    [[nodiscard]] LaneNumber lane_of(JobId job, int alternative = 0) const;
    [[nodiscard]] QueueOrder order_of(JobId job, int alternative = 0) const;
    /// Of each of its alternatives; one for a job without.
    [[nodiscard]] std::vector<LaneNumber> lanes_of(JobId job) const;
    [[nodiscard]] bool has_alternatives(JobId job) const { return further_.contains(job); }
    /// Whether any job has.
    [[nodiscard]] bool has_alternatives() const { return !further_.empty(); }
    /// Of a job of that lane.
    [[nodiscard]] QueueOrder order_in(const Lane& lane, const LaneJob& job) const {
        return {lane.key.tier, job.first + delay(lane), job.second, lane.key.alternative};
    }
    /// False while it is held or sleeps.
    [[nodiscard]] bool ready(JobId job) const;

    /// When a sleeping job wakes; 0 if it does not sleep.
    [[nodiscard]] Moment asleep_until(JobId job) const;

    /// Ready jobs of its partition that stand before it. Walks the lanes of the partition.
    [[nodiscard]] std::int64_t ahead_of(JobId job, int alternative = 0) const;

private:
    struct Place {
        LaneNumber lane{0};
        Moment as_if;
        Moment asleep_until;  ///< 0: not asleep
        bool ready{false};
    };
    struct PartyLanes {
        PartyNumber number{0};
        std::int64_t lanes{0};
    };
    struct Leaf {
        Delay delay;
        std::set<LaneNumber> lanes;
    };
    LaneNumber lane_for(const QueuedJob& job, const QueuedWay& way, int alternative);
    /// The lane of each of its alternatives, the first first.
    template <class Do>
    void each_lane(JobId job, const Do& act);
    [[nodiscard]] bool stands_before_in(const PartitionId& partition, JobId job,
                                        int alternative) const;
    [[nodiscard]] std::int64_t before_in(const Lane& lane, LaneJob end) const;
    ShapeNumber shape_for(const GangRequest& request, bool yields);
    PartyNumber party_for(const QueuedJob& job);
    void enter(LaneNumber lane, const LaneJob& job);
    void leave(LaneNumber lane, const LaneJob& job);
    void take_head(const Lane& lane);
    void put_head(LaneNumber number, Lane& lane);
    void forget_if_empty(LaneNumber lane);
    [[nodiscard]] const Place& place_of(JobId job) const;

    std::unordered_map<JobId, Place> places_;           // looked up, never walked
    std::map<JobId, std::vector<LaneNumber>> further_;  ///< of those with alternatives
    std::set<std::pair<Moment, JobId>> sleeping_;
    std::unordered_map<LaneNumber, Lane> lanes_;  // looked up, never walked
    std::set<LaneNumber> wishing_;
    std::map<LaneKey, LaneNumber> lane_numbers_;
    std::unordered_map<ShapeNumber, ShapeLanes> shapes_;  // looked up, never walked
    std::map<std::pair<GangRequest, bool>, ShapeNumber> shape_numbers_;
    std::map<Party, PartyLanes> parties_;
    std::unordered_map<PartyNumber, const Party*> party_of_;  // looked up, never walked
    std::map<PartitionId, ShapeHeads> partitions_;
    std::vector<Leaf> leaves_;
    LaneNumber last_lane_{0};
    ShapeNumber last_shape_{0};
    PartyNumber last_party_{0};
};

}  // namespace khu
