#pragma once

/// \file
/// A scheduler alone, with nodes (DGX H100s in racks of 8) and jobs as they are seen in traces, for
/// the benchmarks: no ledger, store or agents.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/schedule/scheduler.h"

namespace khu::bench {

inline const PartitionId kPartition{"gpu"};
inline const GpuShare kShare{.cores = 12, .memory = gibibytes(240)};

/// Two packages with a NUMA node each, 112 cores, 8 GPUs that all see one another through
/// NVSwitches.
inline std::shared_ptr<const NodeClass> dgx_h100() {
    Inventory it;
    it.packages = 2;
    for (int n = 0; n < 2; ++n) {
        it.numa_nodes.push_back({.os_index = n, .package = n, .memory = gibibytes(1024)});
    }
    it.memory = gibibytes(2048);
    for (int core = 0; core < 112; ++core) {
        it.cores.push_back({.package = core / 56, .numa = core / 56, .pus = {core, core + 112}});
    }
    for (int to = 0; to < 8; ++to) {
        Gpu gpu;
        gpu.model = GpuModel{"h100"};
        gpu.numa = gpu.package = to / 4;
        it.gpus.push_back(gpu);
        for (int from = 0; from < to; ++from) {
            it.links.push_back({.from = from,
                                .to = to,
                                .kind = LinkKind::NvSwitch,
                                .megabytes_per_second = 450'000});
        }
    }
    return std::make_shared<const NodeClass>(make_node_class(NodeName{"dgx"}, it).value());
}

inline GangRequest gpus(int per_node, int nodes = 1) {
    GangRequest request;
    request.partition = kPartition;
    request.nodes = nodes;
    request.shape.gpus = per_node;
    request.shape.cores = per_node * kShare.cores;
    request.shape.memory = kShare.memory * per_node;
    return request;
}

class OpenDoor : public Admission {
public:
    std::optional<Reason> admit(JobId, int) override { return std::nullopt; }
    Atoms started(JobId, const Placement&) override { return Atoms{0}; }
};

inline EnterpriseId enterprise(std::uint64_t number) {
    return EnterpriseId{"04010" + std::to_string(10000 + number)};
}

/// Jobs as they are seen in traces of GPU clusters: most want one GPU, few want whole nodes.
class Zone {
public:
    explicit Zone(int size) : nodes(size), random_(1) {
        PartitionNodes partition{.id = kPartition, .nodes = {}, .share = kShare};
        for (int n = 1; n <= nodes; ++n) {
            partition.nodes.emplace_back("n" + std::to_string(n));
        }
        scheduler.partitions_changed({partition});
        const auto type = dgx_h100();
        for (int n = 1; n <= nodes; ++n) {
            const std::string rack = "r" + std::to_string((n - 1) / 8);
            scheduler.node_joined(
                NodeId{static_cast<std::uint64_t>(n)}, NodeName{"n" + std::to_string(n)}, type,
                {.room = "hall", .rack = rack, .leaf_switch = {}}, NodeHealth::Up);
        }
    }

    QueuedJob some_job() {
        QueuedJob job;
        job.id = JobId{++last_};
        const std::uint64_t kind = random_.below(100);
        job.request = kind < 70   ? gpus(1)
                      : kind < 85 ? gpus(2)
                      : kind < 93 ? gpus(4)
                      : kind < 98 ? gpus(8)
                                  : gpus(8, static_cast<int>(2 + random_.below(7)));
        job.request.enterprise = enterprise(random_.below(40));
        job.user = UserId{"u-" + std::to_string(random_.below(400))};
        job.time_limit = hours(1 + static_cast<std::int64_t>(random_.below(24)));
        return job;
    }

    void submit() { submit(some_job()); }
    void submit(const QueuedJob& job) {
        scheduler.job_queued(job, now);
        jobs[job.id] = {job.request.enterprise, job.time_limit};
    }

    std::int64_t round() {
        const RoundResult result = scheduler.round(door, now);
        for (const Start& start : result.starts) {
            gpus_used += gpus_of(start.placement);
            const auto job = jobs.extract(start.job);
            scheduler.job_started({.job = start.job,
                                   .enterprise = job.mapped().first,
                                   .deadline = now + job.mapped().second,
                                   .nodes = start.placement.nodes});
            observe(start.placement.nodes);
            running.emplace_back(start.job, start.placement);
        }
        return static_cast<std::int64_t>(result.starts.size());
    }

    /// A random running job ends.
    void end_one() {
        const std::size_t which = random_.below(running.size());
        std::swap(running[which], running.back());
        gpus_used -= gpus_of(running.back().second);
        for (const NodeAllocation& allocation : running.back().second.nodes) {
            scheduler.node_released(running.back().first, allocation.node);
        }
        running.pop_back();
        now = now + seconds(1);
    }

    /// Jobs come until so many GPUs of each eight are in use. Nobody waits then.
    void fill_gpus(std::int64_t of_eight) {
        while (gpus_used < nodes * of_eight) {
            submit();
            round();
        }
        KHU_CHECK(scheduler.queue().size() == 0);
    }
    /// One job comes and starts; as many end as bring the GPUs in use back to that.
    std::int64_t decide(std::int64_t of_eight) {
        submit();
        const std::int64_t made = round();
        while (gpus_used > nodes * of_eight) {
            end_one();
        }
        return made;
    }

    void fill(int waiting) {
        while (static_cast<int>(scheduler.queue().size()) < waiting) {
            for (int i = 0; i < 256; ++i) {
                submit();
            }
            round();
        }
    }

    Scheduler scheduler;
    OpenDoor door;
    Moment now{1'700'000'000'000};
    std::map<JobId, std::pair<EnterpriseId, Span>> jobs;
    std::vector<std::pair<JobId, Placement>> running;
    std::int64_t nodes;
    std::int64_t gpus_used{0};

private:
    static std::int64_t gpus_of(const Placement& placement) {
        std::int64_t sum = 0;
        for (const NodeAllocation& allocation : placement.nodes) {
            sum += static_cast<std::int64_t>(allocation.gpus.size());
        }
        return sum;
    }
    /// As the machine does when an attempt begins.
    void observe(const std::vector<NodeAllocation>& taken) {
        mix_.count(static_cast<int>(taken.front().gpus.size()), std::ssize(taken));
        scheduler.mix_changed(kPartition, mix_);
    }

    Random random_;
    std::uint64_t last_{0};
    Mix mix_;
};

}  // namespace khu::bench
