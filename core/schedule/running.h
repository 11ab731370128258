#pragma once

/// \file
/// The attempts that have resources, in the order in which they must give them back: by deadline,
/// then JobId. Reservations look into the future through it.
///
/// Some of them give way: from `yields_at` on they may be told to end for a job that is charged
/// (preempt.h).

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/topology/devices.h"

namespace khu {

struct RunningJob {
    JobId job;
    EnterpriseId enterprise;
    Moment deadline;
    std::vector<NodeAllocation> nodes;  ///< those not yet given back
    Moment taken_at{};
    Moment saved_at{};         ///< its last declared checkpoint; 0: none
    Moment yields_at{kNever};  ///< kNever: it does not give way
    QosId qos{};
    bool borrowed{false};  ///< it gives way only to who may reclaim what it has
};

class RunningJobs {
public:
    /// Claims: the job has no attempt here.
    void add(RunningJob job);
    /// Takes one node out of the attempt and gives what it had there; the last one ends the
    /// attempt.
    /// Claims: the attempt has that node.
    NodeAllocation release(JobId job, NodeId node);
    /// Claims: the attempt is here.
    void set_deadline(JobId job, Moment deadline);

    [[nodiscard]] const RunningJob* find(JobId job) const;
    [[nodiscard]] std::size_t size() const { return by_deadline_.size(); }
    /// It can go on from what it was then. Nothing for an attempt that is not here.
    void set_saved(JobId job, Moment at);
    /// It gives way from then on; kNever: no more. Claims: the attempt is here.
    void set_yields(JobId job, Moment at);
    /// Those that give way, by node.
    [[nodiscard]] const std::map<NodeId, std::set<JobId>>& yielding() const { return yielding_; }
    /// On that node; empty if there are none.
    [[nodiscard]] const std::set<JobId>& yielding_on(NodeId node) const;
    /// Those that have become ready to give way since this was last asked.
    std::vector<JobId> take_ripe(Moment now);
    /// When the next one does; none if no more will.
    [[nodiscard]] std::optional<Moment> next_ripe() const;

    /// In order of deadline.
    [[nodiscard]] const std::map<std::pair<Moment, JobId>, RunningJob>& by_deadline() const {
        return by_deadline_;
    }

private:
    void await_end(const RunningJob& attempt);
    void forget_yielding(JobId job, NodeId node);

    std::map<std::pair<Moment, JobId>, RunningJob> by_deadline_;
    std::map<JobId, Moment> deadlines_;
    std::map<NodeId, std::set<JobId>> yielding_;
    std::set<std::pair<Moment, JobId>> ripening_;
};

}  // namespace khu
