#include "core/schedule/running.h"

#include <algorithm>

#include "core/base/check.h"

namespace khu {

void RunningJobs::add(RunningJob job) {
    const bool fresh = deadlines_.emplace(job.job, job.deadline).second;
    KHU_CHECK(fresh && !job.nodes.empty(), "job {}", job.job.value);
    const std::pair key{job.deadline, job.job};
    by_deadline_.emplace(key, std::move(job));
}

NodeAllocation RunningJobs::release(JobId job, NodeId node) {
    const auto deadline = deadlines_.find(job);
    KHU_CHECK(deadline != deadlines_.end(), "job {}", job.value);
    const auto found = by_deadline_.find({deadline->second, job});
    std::vector<NodeAllocation>& nodes = found->second.nodes;
    const auto given = std::ranges::find(nodes, node, &NodeAllocation::node);
    KHU_CHECK(given != nodes.end(), "job {} has nothing on node {}", job.value, node.value);
    NodeAllocation allocation = std::move(*given);
    nodes.erase(given);
    if (nodes.empty()) {
        by_deadline_.erase(found);
        deadlines_.erase(deadline);
    }
    return allocation;
}

void RunningJobs::set_deadline(JobId job, Moment deadline) {
    const auto known = deadlines_.find(job);
    KHU_CHECK(known != deadlines_.end(), "job {}", job.value);
    auto entry = by_deadline_.extract({known->second, job});
    entry.key().first = deadline;
    entry.mapped().deadline = deadline;
    by_deadline_.insert(std::move(entry));
    known->second = deadline;
}

const RunningJob* RunningJobs::find(JobId job) const {
    const auto deadline = deadlines_.find(job);
    return deadline == deadlines_.end() ? nullptr : &by_deadline_.at({deadline->second, job});
}

}  // namespace khu
