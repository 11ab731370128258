#pragma once

/// \file
/// A scheduler with nodes and jobs, in words, for the tests of rounds.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/schedule/scheduler.h"
#include "tests/core/placement/machines.h"

namespace khu::machines {

/// Lets everything start except the jobs and the enterprises it is told to refuse.
class Door : public Admission {
public:
    explicit Door(const std::map<JobId, QueuedJob>& jobs) : jobs_(jobs) {}

    [[nodiscard]] bool refuses(JobId job) const {
        return refused.contains(job) || closed.contains(jobs_.at(job).request.enterprise);
    }
    std::optional<Reason> admit(JobId job) override {
        ++asked;
        return refuses(job) ? std::optional<Reason>(Reason(Code::HoldDoesNotFit)) : std::nullopt;
    }
    Atoms started(JobId job, const Placement&) override {
        went.push_back(job);
        return use;
    }

    std::set<JobId> refused;
    std::set<EnterpriseId> closed;
    std::vector<JobId> went;
    Atoms use;  ///< of each start, for the fair share
    int asked{0};

private:
    const std::map<JobId, QueuedJob>& jobs_;
};

class Zone {
public:
    Zone(const Zone&) = delete;
    Zone& operator=(const Zone&) = delete;

    explicit Zone(int nodes, const Build& build = dgx(), const GpuShare& share = kShare,
                  int reservations = 1) {
        PartitionNodes partition{
            .id = kPartition, .nodes = {}, .share = share, .reservations = reservations};
        for (int n = 1; n <= nodes; ++n) {
            partition.nodes.emplace_back("n" + std::to_string(n));
        }
        scheduler.partitions_changed({partition});
        const auto type = node_class(build);
        for (int n = 1; n <= nodes; ++n) {
            scheduler.node_joined(NodeId{static_cast<std::uint64_t>(n)},
                                  NodeName{"n" + std::to_string(n)}, type, {}, NodeHealth::Up);
        }
    }

    JobId submit(const GangRequest& request, Span limit, int tier = 0) {
        const JobId id{++last_job};
        QueuedJob job;
        job.id = id;
        job.tier = tier;
        job.request = request;
        job.time_limit = limit;
        scheduler.job_queued(job, now);
        jobs[id] = job;
        return id;
    }

    /// Runs rounds until nothing more starts; the starts become facts. Gives the jobs that started.
    std::vector<JobId> settle() {
        std::vector<JobId> started;
        for (;;) {
            const RoundResult result = scheduler.round(door, now);
            for (const Start& start : result.starts) {
                const QueuedJob& job = jobs.at(start.job);
                scheduler.job_started(start.job, job.request.enterprise, now + job.time_limit,
                                      start.placement);
                running[start.job] = start.placement;
                started.push_back(start.job);
            }
            if (result.starts.empty()) {
                return started;
            }
        }
    }

    void end(JobId job) {
        for (const NodeAllocation& allocation : running.at(job).nodes) {
            scheduler.node_released(job, allocation.node);
        }
        running.erase(job);
    }

    [[nodiscard]] std::optional<Reason> why(JobId job) const { return scheduler.why(job, now); }
    [[nodiscard]] const StartReservation* reservation() const {
        return scheduler.memo().promises().first_of(kPartition);
    }

    Scheduler scheduler;
    Moment now{1'000'000'000};
    std::map<JobId, QueuedJob> jobs;
    Door door{jobs};
    std::map<JobId, Placement> running;
    std::uint64_t last_job{0};
};

}  // namespace khu::machines
