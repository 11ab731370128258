#pragma once

/// \file
/// The attempts that have resources, in the order in which they must give them back: by deadline,
/// then JobId. Reservations look into the future through it.

#include <cstdint>
#include <map>
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
    /// In order of deadline.
    [[nodiscard]] const std::map<std::pair<Moment, JobId>, RunningJob>& by_deadline() const {
        return by_deadline_;
    }

private:
    std::map<std::pair<Moment, JobId>, RunningJob> by_deadline_;
    std::map<JobId, Moment> deadlines_;
};

}  // namespace khu
