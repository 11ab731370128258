#include "core/schedule/running.h"

#include <algorithm>

#include "core/base/check.h"

namespace khu {

void RunningJobs::add(RunningJob job) {
    const bool fresh = deadlines_.emplace(job.job, job.deadline).second;
    KHU_CHECK(fresh && !job.nodes.empty(), "job {}", job.job.value);
    const std::pair key{job.deadline, job.job};
    if (job.yields_at != kNever) {
        await_end(job);
    }
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
    forget_yielding(job, node);
    if (nodes.empty()) {
        ripening_.erase({found->second.yields_at, job});
        by_deadline_.erase(found);
        deadlines_.erase(deadline);
    }
    return allocation;
}

void RunningJobs::forget_yielding(JobId job, NodeId node) {
    const auto found = yielding_.find(node);
    if (found != yielding_.end()) {
        found->second.erase(job);
        if (found->second.empty()) {
            yielding_.erase(found);
        }
    }
}

void RunningJobs::set_saved(JobId job, Moment at) {
    const auto deadline = deadlines_.find(job);
    if (deadline != deadlines_.end()) {
        by_deadline_.at({deadline->second, job}).saved_at = at;
    }
}

void RunningJobs::set_yields(JobId job, Moment at) {
    RunningJob& attempt = by_deadline_.at({deadlines_.at(job), job});
    if (attempt.yields_at == at) {
        return;
    }
    for (const NodeAllocation& allocation : attempt.nodes) {
        forget_yielding(job, allocation.node);
    }
    ripening_.erase({attempt.yields_at, job});
    attempt.yields_at = at;
    if (at != kNever) {
        await_end(attempt);
    }
}

void RunningJobs::await_end(const RunningJob& attempt) {
    ripening_.emplace(attempt.yields_at, attempt.job);
    for (const NodeAllocation& allocation : attempt.nodes) {
        yielding_[allocation.node].insert(attempt.job);
    }
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

const std::set<JobId>& RunningJobs::yielding_on(NodeId node) const {
    static const std::set<JobId> none;
    const auto found = yielding_.find(node);
    return found == yielding_.end() ? none : found->second;
}

std::vector<JobId> RunningJobs::take_ripe(Moment now) {
    std::vector<JobId> ripe;
    while (!ripening_.empty() && ripening_.begin()->first <= now) {
        ripe.push_back(ripening_.begin()->second);
        ripening_.erase(ripening_.begin());
    }
    return ripe;
}

std::optional<Moment> RunningJobs::next_ripe() const {
    return ripening_.empty() ? std::nullopt : std::optional(ripening_.begin()->first);
}

const RunningJob* RunningJobs::find(JobId job) const {
    const auto deadline = deadlines_.find(job);
    return deadline == deadlines_.end() ? nullptr : &by_deadline_.at({deadline->second, job});
}

}  // namespace khu
