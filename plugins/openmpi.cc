#include "plugins/openmpi.h"

#include <fmt/format.h>

#include "plugins/environment.h"
#include "plugins/hostlist.h"

namespace khu::plugins {
namespace {

constexpr const char* hostfile_name = "hostfile";
constexpr const char* rankfile_name = "rankfile";
constexpr const char* peers_name = "peers";
constexpr const char* token_name = "token";
constexpr const char* ca_name = "zone-ca.pem";

// mpirun gives each rank Open MPI's names; programs that look for ours or Slurm's find those too.
// Inline, because the attempt's directory may have another path on each node.
constexpr const char* rank_wrapper =
    "RANK=$OMPI_COMM_WORLD_RANK LOCAL_RANK=$OMPI_COMM_WORLD_LOCAL_RANK "
    "KHU_RANK=$OMPI_COMM_WORLD_RANK KHU_LOCAL_RANK=$OMPI_COMM_WORLD_LOCAL_RANK "
    "SLURM_PROCID=$OMPI_COMM_WORLD_RANK SLURM_LOCALID=$OMPI_COMM_WORLD_LOCAL_RANK; "
    "export RANK LOCAL_RANK KHU_RANK KHU_LOCAL_RANK SLURM_PROCID SLURM_LOCALID; "
    "exec \"$@\"";

// Of several ranks on MIG slices each has one of them, as slice_of_task() says.
constexpr const char* slice_wrapper =
    "case $OMPI_COMM_WORLD_LOCAL_SIZE,$CUDA_VISIBLE_DEVICES in 1,*) ;; *,MIG-*) "
    "khu_slices=$CUDA_VISIBLE_DEVICES; khu_rank=$OMPI_COMM_WORLD_LOCAL_RANK; "
    "while [ $khu_rank -gt 0 ]; do case $khu_slices in *,*) khu_slices=${khu_slices#*,};; "
    "*) khu_slices=$CUDA_VISIBLE_DEVICES;; esac; khu_rank=$((khu_rank - 1)); done; "
    "CUDA_VISIBLE_DEVICES=${khu_slices%%,*}; unset khu_slices khu_rank;; esac; ";

std::string in_attempt(const LaunchRequest& request, const char* name) {
    return request.paths.attempt_dir + "/" + name;
}

std::string hostfile(const LaunchRequest& request) {
    std::string text;
    for (const HostSlice& host : request.hosts) {
        text += fmt::format("{} slots={}\n", host.name, host.tasks);
    }
    return text;
}

/// With rmaps_rank_file_physical "slot=4,5" are the processing units that the kernel calls 4 and 5.
std::string rankfile(const LaunchRequest& request) {
    std::string text;
    int rank = 0;
    LaunchRequest seen = request;
    for (std::size_t node = 0; node < request.hosts.size(); ++node) {
        seen.node_rank = static_cast<int>(node);
        for (int local = 0; local < request.hosts[node].tasks; ++local) {
            text += fmt::format("rank {}={} slot={}\n", rank++, request.hosts[node].name,
                                fmt::join(cores_of_task(seen, local), ","));
        }
    }
    return text;
}

std::string peers(const LaunchRequest& request) {
    std::string text;
    for (const HostSlice& host : request.hosts) {
        const std::string& address = host.address.empty() ? host.name : host.address;
        text += fmt::format("{} {} {}\n", host.name, address, host.rsh_port);
    }
    return text;
}

bool has_remote_steps(const LaunchRequest& request) {
    return !request.rsh_token.empty();
}

bool binds(const LaunchRequest& request) {
    if (!request.bind_cores) {
        return false;
    }
    for (const HostSlice& host : request.hosts) {
        if (host.cores.empty()) {
            return false;
        }
    }
    return true;
}

/// Values a user may have set otherwise: only what is missing is added.
void add_tuning(Environment& env, const LaunchRequest& request) {
    env.try_emplace("OMPI_MCA_pml", "ob1");
    env.try_emplace("OMPI_MCA_btl", "self,vader,tcp");
    if (request.oversubscribed) {
        env.try_emplace("OMPI_MCA_mpi_yield_when_idle", "1");
    }
    if (!request.network_cidr.empty()) {
        env.try_emplace("OMPI_MCA_btl_tcp_if_include", request.network_cidr);
        env.try_emplace("OMPI_MCA_oob_tcp_if_include", request.network_cidr);
    }
    if (!request.paths.shared_memory_dir.empty()) {
        env.try_emplace("OMPI_MCA_btl_vader_backing_directory", request.paths.shared_memory_dir);
    }
    // Without a rankfile ranks keep the binding of the process that starts them: the placed cores.
    env.try_emplace("OMPI_MCA_hwloc_base_binding_policy", "none");
}

Environment full_environment(const LaunchRequest& request) {
    Environment env = node_environment(request);
    for (const auto& [name, value] : open_mpi_environment(request)) {
        env[name] = value;
    }
    add_tuning(env, request);
    return env;
}

std::vector<PlannedFile> full_files(const LaunchRequest& request) {
    std::vector<PlannedFile> files = open_mpi_files(request);
    for (PlannedFile& file : script_files(request)) {
        files.push_back(std::move(file));
    }
    return files;
}

/// What both launchers share: one process on the head node that may use all of its cores.
LaunchPlan head_plan(const LaunchRequest& request) {
    LaunchPlan plan{.argv = {},
                    .env = full_environment(request),
                    .files = full_files(request),
                    .tasks = {},
                    .cores = {},
                    .runs_here = request.node_rank == 0};
    if (request.bind_cores) {
        plan.cores = request.hosts[static_cast<std::size_t>(request.node_rank)].cores;
    }
    if (plan.runs_here) {
        plan.argv = command_of(request);
        plan.tasks = {{.rank = 0, .env = {}, .cores = plan.cores}};
    }
    return plan;
}

}  // namespace

Environment open_mpi_environment(const LaunchRequest& request) {
    // The SLURM_* names are for programs that look for them; mpirun must not look for a Slurm.
    Environment env{{"OMPI_MCA_orte_default_hostfile", in_attempt(request, hostfile_name)},
                    {"OMPI_MCA_plm", "rsh"},
                    {"OMPI_MCA_ras", "^slurm"}};
    if (has_remote_steps(request)) {
        env["OMPI_MCA_plm_rsh_agent"] = request.paths.rsh_helper;
        env["KHU_RSH_PEERS"] = in_attempt(request, peers_name);
        env["KHU_RSH_TOKEN"] = in_attempt(request, token_name);
        env["KHU_RSH_CA"] = in_attempt(request, ca_name);
    }
    if (request.run_as_root) {
        env["OMPI_ALLOW_RUN_AS_ROOT"] = "1";
        env["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
    }
    return env;
}

std::vector<PlannedFile> open_mpi_files(const LaunchRequest& request) {
    std::vector<PlannedFile> files{{.path = hostfile_name, .content = hostfile(request)}};
    if (binds(request)) {
        files.push_back({.path = rankfile_name, .content = rankfile(request)});
    }
    if (has_remote_steps(request)) {
        files.push_back({.path = peers_name, .content = peers(request)});
        files.push_back({.path = token_name, .content = request.rsh_token});
        files.push_back({.path = ca_name, .content = request.rsh_ca});
    }
    return files;
}

Expected<LaunchPlan, Refusal> OpenMpiLauncher::plan(const LaunchRequest& request) const {
    const Expected<Done, Refusal> checked = check_request(request);
    if (!checked) {
        return Unexpected{checked.error()};
    }
    LaunchPlan plan = head_plan(request);
    if (!plan.runs_here) {
        return plan;
    }
    std::vector<std::string> argv{"mpirun", "-np", fmt::format("{}", world_size(request))};
    if (binds(request)) {
        argv.insert(argv.end(), {"--rankfile", in_attempt(request, rankfile_name), "--mca",
                                 "rmaps_rank_file_physical", "1"});
    }
    const std::string wrapper =
        (has_slices(request) ? slice_wrapper : "") + std::string(rank_wrapper);
    argv.insert(argv.end(), {"/bin/sh", "-c", wrapper, "khu-rank"});
    argv.insert(argv.end(), plan.argv.begin(), plan.argv.end());
    plan.argv = std::move(argv);
    return plan;
}

Expected<LaunchPlan, Refusal> ScriptLauncher::plan(const LaunchRequest& request) const {
    const Expected<Done, Refusal> checked = check_request(request);
    if (!checked) {
        return Unexpected{checked.error()};
    }
    LaunchPlan plan = head_plan(request);
    if (plan.runs_here) {
        // The batch step is process 0, as programs that read Slurm's names expect.
        plan.tasks[0].env = {{"SLURM_PROCID", "0"}, {"SLURM_LOCALID", "0"}};
    }
    return plan;
}

}  // namespace khu::plugins
