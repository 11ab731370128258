#include "cli/plan/fairness.h"

#include <algorithm>

namespace khu::cli {
namespace {

/// Nodes that the job takes, at least, of a group of these nodes.
int nodes_needed(const plan::TraceJob& job, const plan::NodeGroup& group, Counted counted) {
    const auto gpus = static_cast<int>(group.inventory.gpus.size());
    switch (counted) {
        case Counted::Gpus:
            return gpus == 0 ? 1 : std::max(1, (job.gpus + gpus - 1) / gpus);
        case Counted::Nodes:
            return std::max(1, job.nodes);
        case Counted::Cores:
            return 1;
    }
    return 1;
}

/// A pool of processors is one node, so its share is a smaller node.
Inventory smaller(const Inventory& pool, int tenants, const std::vector<plan::TraceJob>& own) {
    int cores = (static_cast<int>(pool.cores.size()) + tenants - 1) / tenants;
    for (const plan::TraceJob& job : own) {
        cores = std::max({cores, job.cpus, job.nodes});
    }
    return plan::plain_node(0, std::min(cores, static_cast<int>(pool.cores.size())));
}

/// The part of the machine that `tenant` would have to itself.
plan::Machine share_of(const MachineFile& machine, const std::string& tenant, int tenants,
                       const std::vector<plan::TraceJob>& own) {
    plan::Machine share;
    share.cores_only = machine.machine.cores_only;
    for (const plan::NodeGroup& group : machine.machine.groups) {
        plan::NodeGroup part = group;
        if (group.tenant.empty()) {
            part.count = (group.count + tenants - 1) / tenants;
            for (const plan::TraceJob& job : own) {
                part.count = std::max(part.count, nodes_needed(job, group, machine.counted));
            }
            part.count = std::min(part.count, group.count);
        } else if (group.tenant != tenant) {
            continue;
        }
        if (machine.counted == Counted::Cores) {
            part.inventory = smaller(group.inventory, tenants, own);
        }
        share.groups.push_back(std::move(part));
    }
    return share;
}

}  // namespace

std::map<std::string, std::int64_t> finish_time_ratios(const Replayable& replayable,
                                                       const std::vector<plan::TraceJob>& jobs,
                                                       const plan::Measures& shared) {
    std::map<std::string, std::vector<plan::TraceJob>> tenants;
    for (const plan::TraceJob& job : jobs) {
        tenants[job.tenant].push_back(job);
    }
    std::map<std::string, std::int64_t> ratios;
    for (const plan::EnterpriseMeasures& one : shared.enterprises) {
        const std::vector<plan::TraceJob>& own = tenants.at(one.name);
        const plan::Machine share =
            share_of(replayable.setting.machine, one.name, static_cast<int>(tenants.size()), own);
        const Expected<plan::PlannedZone, std::string> zone =
            plan::plan_zone(share, own, replayable.setting.wishes());
        if (!zone) {
            continue;  // A share without nodes cannot be: it is never smaller than one.
        }
        const plan::Measures alone =
            plan::measure(*zone, own, plan::replay(*zone, own, replayable.runtimes));
        if (!alone.enterprises.empty() && alone.enterprises.front().mean_jct_milli > 0) {
            ratios[one.name] = one.mean_jct_milli * 1000 / alone.enterprises.front().mean_jct_milli;
        }
    }
    return ratios;
}

}  // namespace khu::cli
