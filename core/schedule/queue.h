#pragma once

/// \file
/// The jobs that wait, in their static order: QoS tier (higher first), then age (JobId). Jobs that
/// ask for the same share a *shape* (what placement sees); within it, jobs that the ledger and the
/// limits see alike share a *lane*, so that one answer serves all of a lane. A round looks at heads
/// of lanes, not at jobs. Insertion and removal are O(log n).
///
/// A job that is held, or waits for its begin time, is in the queue but in no lane.

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

namespace khu {

/// What the queue must know of a job.
struct QueuedJob {
    JobId id;
    int tier{0};  ///< of its QoS, higher first
    GangRequest request;
    ProgrammeId programme;
    UserId user;
    QosId qos;
    Text project;
    Span time_limit;
    Moment not_before;  ///< 0: at once
    bool held{false};
};
QueuedJob queued_job(JobId id, int tier, const JobSpec& spec, NodeId suspect);

/// A job's place in the order: less is earlier.
struct QueueOrder {
    int tier{0};
    JobId job;
    std::strong_ordering operator<=>(const QueueOrder& other) const {
        return tier != other.tier ? other.tier <=> tier : job <=> other.job;
    }
    bool operator==(const QueueOrder&) const = default;
};

/// Given once and never again, so that a memo about a shape or lane cannot meet another one.
using ShapeNumber = std::uint64_t;
using LaneNumber = std::uint64_t;

/// What the ledger, the limits and the reservations see of a job, beside its shape.
struct LaneKey {
    ShapeNumber shape{0};
    int tier{0};
    ProgrammeId programme;
    UserId user;
    QosId qos;
    Text project;
    Span time_limit;
    auto operator<=>(const LaneKey&) const = default;
};

struct Lane {
    LaneKey key;
    std::set<JobId> ready;    ///< may start, oldest first
    std::int64_t waiting{0};  ///< held or asleep
};

struct ShapeLanes {
    GangRequest request;
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

    /// Moves the jobs whose begin time has come into their lanes; gives their shapes.
    std::vector<ShapeNumber> wake(Moment now);
    /// The next begin time; none if nothing sleeps.
    [[nodiscard]] std::optional<Moment> next_wake() const;

    /// Null if it has no jobs any more.
    [[nodiscard]] const Lane* lane(LaneNumber lane) const;
    [[nodiscard]] const ShapeLanes* shape(ShapeNumber shape) const;
    /// The shapes of a partition that have ready jobs, by their first; empty if there are none.
    using ShapeHeads = std::map<QueueOrder, ShapeNumber>;
    [[nodiscard]] const ShapeHeads& heads_in(const PartitionId& partition) const;
    /// Partitions for which a job ever waited.
    [[nodiscard]] const std::map<PartitionId, ShapeHeads>& partitions() const {
        return partitions_;
    }

    /// Claims: the job is in the queue.
    [[nodiscard]] LaneNumber lane_of(JobId job) const;
    [[nodiscard]] QueueOrder order_of(JobId job) const;
    /// False while it is held or sleeps.
    [[nodiscard]] bool ready(JobId job) const;

    /// When a sleeping job wakes; 0 if it does not sleep.
    [[nodiscard]] Moment asleep_until(JobId job) const;

    /// Ready jobs of its partition that stand before it. Walks the lanes of the partition.
    [[nodiscard]] std::int64_t ahead_of(JobId job) const;

private:
    struct Place {
        LaneNumber lane{0};
        bool ready{false};
        Moment asleep_until;  ///< 0: not asleep
    };
    LaneNumber lane_for(const QueuedJob& job);
    ShapeNumber shape_for(const GangRequest& request);
    void enter(LaneNumber lane, JobId job);
    void leave(LaneNumber lane, JobId job);
    void move_head(LaneNumber lane, JobId before);
    void forget_if_empty(LaneNumber lane);
    [[nodiscard]] const Place& place_of(JobId job) const;

    std::unordered_map<JobId, Place> places_;  // looked up, never walked
    std::set<std::pair<Moment, JobId>> sleeping_;
    std::map<LaneNumber, Lane> lanes_;
    std::map<LaneKey, LaneNumber> lane_numbers_;
    std::map<ShapeNumber, ShapeLanes> shapes_;
    std::map<GangRequest, ShapeNumber> shape_numbers_;
    std::map<PartitionId, ShapeHeads> partitions_;
    LaneNumber last_lane_{0};
    ShapeNumber last_shape_{0};
};

}  // namespace khu
