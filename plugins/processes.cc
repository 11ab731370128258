#include "plugins/processes.h"

#include "plugins/environment.h"

namespace khu::plugins {
namespace {

/// One process for each task of this node, each with its share of the cores.
LaunchPlan process_per_task(const LaunchRequest& request) {
    const HostSlice& host = request.hosts[static_cast<std::size_t>(request.node_rank)];
    LaunchPlan plan{.argv = command_of(request),
                    .env = node_environment(request),
                    .files = script_files(request),
                    .tasks = {},
                    .cores = {},
                    .runs_here = true};
    if (request.bind_cores) {
        plan.cores = host.cores;
    }
    const int first = first_rank(request, request.node_rank);
    for (int local = 0; local < host.tasks; ++local) {
        plan.tasks.push_back({.rank = first + local,
                              .env = task_environment(request, local),
                              .cores = cores_of_task(request, local)});
    }
    return plan;
}

}  // namespace

Expected<LaunchPlan, Refusal> ForkLauncher::plan(const LaunchRequest& request) const {
    const Expected<Done, Refusal> checked = check_request(request);
    if (!checked) {
        return Unexpected{checked.error()};
    }
    return process_per_task(request);
}

Expected<LaunchPlan, Refusal> TorchLauncher::plan(const LaunchRequest& request) const {
    const Expected<Done, Refusal> checked = check_request(request);
    if (!checked) {
        return Unexpected{checked.error()};
    }
    LaunchPlan plan = process_per_task(request);
    // What torchrun would set; programs use them to name logs and to pick a node's first rank.
    plan.env["GROUP_RANK"] = std::to_string(request.node_rank);
    plan.env["GROUP_WORLD_SIZE"] = std::to_string(request.hosts.size());
    plan.env["TORCHELASTIC_RESTART_COUNT"] = std::to_string(request.restart_count);
    plan.env["TORCHELASTIC_RUN_ID"] = "khu-" + std::to_string(request.job.value);
    return plan;
}

}  // namespace khu::plugins
