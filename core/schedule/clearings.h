#pragma once

/// \file
/// The places that are being cleared: which attempts were told to give way, and for whom. While
/// they leave, what they give back stays promised to the job for which they were told: others may
/// use a node of it only so far as every promised job still fits there.
///
/// A promise names nodes, not devices: which GPUs and cores the job gets is decided by the same
/// rules as ever when it starts.

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/placement/cluster.h"
#include "core/placement/gang.h"
#include "core/schedule/bookings.h"
#include "core/schedule/running.h"

namespace khu {

/// `job` starts on these nodes as soon as they are free, by `by` if every attempt keeps its grace.
struct Clearing {
    JobId job;
    GangRequest request;
    Span time_limit;
    std::vector<NodeId> nodes;  ///< ascending
    Moment by;
    int alternative{0};  ///< of the job's, the one that starts there
    bool operator==(const Clearing&) const = default;
};

class Clearings {
public:
    /// Claims: the job has none.
    void add(Clearing promise);
    /// Claims: the job has one.
    Clearing remove(JobId job);
    /// Null if the job has none.
    [[nodiscard]] const Clearing* find(JobId job) const;
    [[nodiscard]] const std::map<JobId, Clearing>& all() const { return clearings_; }
    [[nodiscard]] bool empty() const { return clearings_.empty(); }
    /// The jobs to which a part of the node is promised.
    [[nodiscard]] const std::set<JobId>& on(NodeId node) const;
    [[nodiscard]] const std::map<NodeId, std::set<JobId>>& nodes() const { return on_; }
    /// When the first promise is due; none if there is none.
    [[nodiscard]] std::optional<Moment> first_due() const;

    /// The attempt was told to give way, and is gone by then.
    void leaving(JobId attempt, Moment by) { leaving_.insert_or_assign(attempt, by); }
    void left(JobId attempt) { leaving_.erase(attempt); }
    [[nodiscard]] bool is_leaving(JobId attempt) const { return leaving_.contains(attempt); }
    [[nodiscard]] bool is_gone_by(JobId attempt, Moment at) const {
        const auto found = leaving_.find(attempt);
        return found != leaving_.end() && found->second <= at;
    }

private:
    std::map<JobId, Clearing> clearings_;
    std::map<NodeId, std::set<JobId>> on_;
    std::map<JobId, Moment> leaving_;
};

/// The zone, what leaves it, and what is set aside.
struct ZoneView {
    const Cluster& cluster;
    const RunningJobs& running;
    const Clearings& clearings;
    const Bookings& bookings;
};

/// The node when those that were told have left it.
NodeState when_left(const ZoneView& zone, const ClusterNode& node);

/// `state` of that node less the parts of the jobs to which it is promised; none if one of them
/// does not fit.
std::optional<NodeState> less_cleared(const ZoneView& zone, const ClusterNode& node,
                                      NodeState state);

/// Whether `job`, started there now with `request`, would leave every promised job its part, and
/// leave it in time: others that leave later do not make up for what it takes.
bool leaves_clearings(const ZoneView& zone, JobId job, const GangRequest& request, NodeId node);

/// `filter`, and only where promises are kept; `filter` itself if there are none.
NodeFilter beside_clearings(const ZoneView& zone, JobId job, const GangRequest& request,
                            NodeFilter filter);

/// The node as if no free work were there, and every promised job but `except` had its part.
NodeState without_free_work(const ZoneView& zone, const ClusterNode& node, JobId except);

/// The node as if nothing that gives way were there.
ClusterNode without_yielding(const ZoneView& zone, const ClusterNode& node);

}  // namespace khu
