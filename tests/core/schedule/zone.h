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
    std::optional<Reason> admit(JobId job, int) override {
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

    JobId submit(const GangRequest& request, Span limit, int tier = 0, GivingWay way = {}) {
        const JobId id{++last_job};
        QueuedJob job;
        job.id = id;
        job.tier = tier;
        job.request = request;
        job.time_limit = limit;
        job.way = way;
        scheduler.job_queued(job, now);
        jobs[id] = job;
        return id;
    }

    /// One that may start in any of these ways.
    JobId submit_any(const std::vector<QueuedWay>& ways) {
        const JobId id{++last_job};
        QueuedJob job;
        job.id = id;
        job.request = ways.front().request;
        job.time_limit = ways.front().time_limit;
        job.further.assign(ways.begin() + 1, ways.end());
        scheduler.job_queued(job, now);
        jobs[id] = job;
        return id;
    }

    [[nodiscard]] Span limit_of(const Start& start) const {
        const QueuedJob& job = jobs.at(start.job);
        const int way = start.placement.receipt.alternative;  // from 1; 0: it has no others
        return way < 2 ? job.time_limit : job.further[static_cast<std::size_t>(way) - 2].time_limit;
    }

    /// What the round decided becomes fact.
    void apply(const RoundResult& result) {
        for (const JobId job : result.lapsed) {
            scheduler.promise_lapsed(job, now);
        }
        for (const Start& start : result.starts) {
            const QueuedJob& job = jobs.at(start.job);
            const bool lent = borrowers.contains(start.job);
            const Moment yields_at = job.way.yields ? now + job.way.after : lent ? now : kNever;
            scheduler.job_started({.job = start.job,
                                   .enterprise = job.request.enterprise,
                                   .deadline = now + limit_of(start),
                                   .nodes = start.placement.nodes,
                                   .taken_at = now,
                                   .yields_at = yields_at,
                                   .borrowed = lent});
            running[start.job] = start.placement;
        }
        for (const Eviction& eviction : result.evictions) {
            const Clearing& promise = eviction.promise;
            scheduler.place_promised(promise.job, promise.nodes, promise.by, promise.alternative);
            for (const JobId victim : eviction.victims) {
                scheduler.job_leaving(victim, promise.by);
                leaving[victim] = promise.by;
            }
        }
    }

    /// Runs rounds until nothing more is decided. Gives the jobs that started.
    std::vector<JobId> settle() {
        std::vector<JobId> started;
        for (;;) {
            const RoundResult result = scheduler.round(door, now);
            apply(result);
            for (const Start& start : result.starts) {
                started.push_back(start.job);
            }
            if (result.starts.empty() && result.evictions.empty() && result.lapsed.empty()) {
                return started;
            }
        }
    }

    void end(JobId job) {
        for (const NodeAllocation& allocation : running.at(job).nodes) {
            scheduler.node_released(job, allocation.node);
        }
        running.erase(job);
        leaving.erase(job);
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
    std::map<JobId, Moment> leaving;  ///< told to give way, and until when
    std::set<JobId> borrowers;        ///< start on GPUs that are lent
    std::uint64_t last_job{0};
};

}  // namespace khu::machines
