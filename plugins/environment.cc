#include "plugins/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "plugins/hostlist.h"

namespace khu::plugins {
namespace {

constexpr const char* script_name = "script";
// Rendezvous ports stay below the ephemeral range (32768 on Linux), one for each of 20,000 jobs.
constexpr std::uint64_t port_first = 10'000;
constexpr std::uint64_t port_count = 20'000;

const HostSlice& here(const LaunchRequest& request) {
    return request.hosts.at(static_cast<std::size_t>(request.node_rank));
}

std::vector<std::string> names_of(const LaunchRequest& request) {
    std::vector<std::string> names;
    for (const HostSlice& host : request.hosts) {
        names.push_back(host.name);
    }
    return names;
}

std::string join(const std::vector<std::string>& parts) {
    return fmt::format("{}", fmt::join(parts, ","));
}

std::string gpu_indices(const HostSlice& host) {
    std::vector<std::string> parts;
    for (const GpuSlot& gpu : host.gpus) {
        parts.push_back(fmt::format("{}", gpu.index));
    }
    return join(parts);
}

/// UUIDs are right even where CUDA orders devices by speed; all of one kind, or CUDA stops reading.
std::string cuda_devices(const HostSlice& host) {
    std::vector<std::string> uuids;
    for (const GpuSlot& gpu : host.gpus) {
        if (gpu.uuid.empty()) {
            return gpu_indices(host);
        }
        uuids.push_back(gpu.uuid);
    }
    return join(uuids);
}

/// A job has GPUs of one model on a node: all of them are slices, or none.
bool on_slices(const HostSlice& host) {
    return !host.gpus.empty() && host.gpus.front().uuid.starts_with("MIG-");
}

/// Slurm's "8(x3),4": tasks of each node, equal neighbours joined.
std::string tasks_per_node(const LaunchRequest& request) {
    std::string text;
    for (std::size_t i = 0; i < request.hosts.size();) {
        std::size_t end = i;
        while (end < request.hosts.size() && request.hosts[end].tasks == request.hosts[i].tasks) {
            ++end;
        }
        text += text.empty() ? "" : ",";
        text += fmt::format("{}", request.hosts[i].tasks);
        text += end - i > 1 ? fmt::format("(x{})", end - i) : "";
        i = end;
    }
    return text;
}

void add_defaults(Environment& env, const LaunchRequest& request) {
    env["PATH"] = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
    env["HOME"] = request.home.empty() ? request.chdir : request.home;
    env["SHELL"] = "/bin/sh";
    env["LANG"] = "C.UTF-8";
    env["OMP_NUM_THREADS"] = fmt::format("{}", cores_per_task(here(request)));
    if (!request.paths.scratch_dir.empty()) {
        env["TMPDIR"] = request.paths.scratch_dir;
    }
    if (!request.network_interface.empty()) {
        env["NCCL_SOCKET_IFNAME"] = request.network_interface;
        env["GLOO_SOCKET_IFNAME"] = request.network_interface;
    }
}

/// The number of the array whose element this is (core/jobs/array.h).
std::string array_of(const LaunchRequest& request) {
    return fmt::format("{}",
                       request.job.value - 1 - static_cast<std::uint64_t>(request.array_index));
}

void add_khu(Environment& env, const LaunchRequest& request) {
    env["KHU_JOB_ID"] = fmt::format("{}", request.job.value);
    env["KHU_ATTEMPT"] = fmt::format("{}", request.attempt.value);
    env["KHU_ZONE"] = request.zone;
    env["KHU_ENTERPRISE"] = request.enterprise;
    env["KHU_NODELIST"] = join(names_of(request));
    env["KHU_NODE_COUNT"] = fmt::format("{}", request.hosts.size());
    env["KHU_NODE_NAME"] = here(request).name;
    env["KHU_NODE_RANK"] = fmt::format("{}", request.node_rank);
    env["KHU_WORLD_SIZE"] = fmt::format("{}", world_size(request));
    env["KHU_GPUS"] = gpu_indices(here(request));
    env["KHU_CORES"] = format_ranges(here(request).cores);
    env["KHU_DEADLINE"] = fmt::format("{}", request.deadline.value / 1000);
    env["KHU_RESTART_COUNT"] = fmt::format("{}", request.restart_count);
    env["KHU_STOP_FILE"] = request.paths.stop_file;
    env["KHU_CHECKPOINT_FILE"] = request.paths.checkpoint_file;
    if (!request.checkpoint.empty()) {
        env["KHU_CHECKPOINT"] = request.checkpoint;
    }
    if (!request.paths.checkpoint_dir.empty()) {
        env["KHU_CHECKPOINT_DIR"] = request.paths.checkpoint_dir;
    }
    if (request.array_index >= 0) {
        env["KHU_ARRAY_INDEX"] = fmt::format("{}", request.array_index);
        env["KHU_ARRAY_JOB_ID"] = array_of(request);
    }
    env["CUDA_VISIBLE_DEVICES"] = cuda_devices(here(request));
}

void add_rendezvous(Environment& env, const LaunchRequest& request) {
    const HostSlice& head = request.hosts.front();
    env["MASTER_ADDR"] = head.address.empty() ? head.name : head.address;
    env["MASTER_PORT"] = fmt::format("{}", port_first + request.job.value % port_count);
    env["WORLD_SIZE"] = fmt::format("{}", world_size(request));
    env["LOCAL_WORLD_SIZE"] = fmt::format("{}", here(request).tasks);
}

void add_slurm(Environment& env, const LaunchRequest& request) {
    const HostSlice& host = here(request);
    const std::string nodes = fmt::format("{}", request.hosts.size());
    const std::string list = compress_hostlist(names_of(request));
    const std::string job = fmt::format("{}", request.job.value);
    env["SLURM_JOB_ID"] = env["SLURM_JOBID"] = job;
    env["SLURM_JOB_NAME"] = request.name;
    env["SLURM_JOB_USER"] = request.user;
    env["SLURM_JOB_PARTITION"] = request.partition;
    env["SLURM_CLUSTER_NAME"] = request.zone;
    env["SLURM_JOB_NODELIST"] = env["SLURM_NODELIST"] = list;
    env["SLURM_JOB_NUM_NODES"] = env["SLURM_NNODES"] = nodes;
    env["SLURM_NTASKS"] = env["SLURM_NPROCS"] = fmt::format("{}", world_size(request));
    env["SLURM_TASKS_PER_NODE"] = tasks_per_node(request);
    env["SLURM_CPUS_PER_TASK"] = fmt::format("{}", cores_per_task(host));
    env["SLURM_CPUS_ON_NODE"] = fmt::format("{}", host.cores.size());
    env["SLURM_MEM_PER_NODE"] = fmt::format("{}", host.memory.value >> 20);
    env["SLURM_NODEID"] = fmt::format("{}", request.node_rank);
    env["SLURMD_NODENAME"] = host.name;
    env["SLURM_SUBMIT_DIR"] = request.chdir;
    env["SLURM_RESTART_COUNT"] = fmt::format("{}", request.restart_count);
    env["SLURM_JOB_END_TIME"] = fmt::format("{}", request.deadline.value / 1000);
    if (!host.gpus.empty()) {
        env["SLURM_JOB_GPUS"] = gpu_indices(host);
        env["SLURM_GPUS_ON_NODE"] = fmt::format("{}", host.gpus.size());
    }
    if (request.array_index >= 0) {
        env["SLURM_ARRAY_JOB_ID"] = array_of(request);
        env["SLURM_ARRAY_TASK_ID"] = fmt::format("{}", request.array_index);
    }
}

}  // namespace

int world_size(const LaunchRequest& request) {
    return first_rank(request, static_cast<int>(request.hosts.size()));
}

int first_rank(const LaunchRequest& request, int node) {
    return std::accumulate(request.hosts.begin(), request.hosts.begin() + node, 0,
                           [](int sum, const HostSlice& host) { return sum + host.tasks; });
}

int cores_per_task(const HostSlice& host) {
    return std::max(1, static_cast<int>(host.cores.size()) / std::max(1, host.tasks));
}

std::vector<int> cores_of_task(const LaunchRequest& request, int local_rank) {
    const HostSlice& host = here(request);
    if (!request.bind_cores) {
        return {};
    }
    const auto cores = static_cast<int>(host.cores.size());
    if (cores < host.tasks) {
        return host.cores;
    }
    const int first = cores * local_rank / host.tasks;
    const int last = cores * (local_rank + 1) / host.tasks;
    return {host.cores.begin() + first, host.cores.begin() + last};
}

Environment node_environment(const LaunchRequest& request) {
    Environment env;
    add_defaults(env, request);
    for (const auto& [name, value] : request.env) {
        env[name] = value;
    }
    env["USER"] = env["LOGNAME"] = request.user;
    add_khu(env, request);
    add_rendezvous(env, request);
    add_slurm(env, request);
    return env;
}

Environment task_environment(const LaunchRequest& request, int local_rank) {
    const std::string rank = fmt::format("{}", first_rank(request, request.node_rank) + local_rank);
    const std::string local = fmt::format("{}", local_rank);
    Environment env{{"RANK", rank},         {"LOCAL_RANK", local},
                    {"KHU_RANK", rank},     {"KHU_LOCAL_RANK", local},
                    {"SLURM_PROCID", rank}, {"SLURM_LOCALID", local}};
    if (std::string slice = slice_of_task(here(request), local_rank); !slice.empty()) {
        env["CUDA_VISIBLE_DEVICES"] = std::move(slice);
    }
    return env;
}

std::string slice_of_task(const HostSlice& host, int local_rank) {
    if (!on_slices(host) || host.tasks < 2) {
        return {};
    }
    return host.gpus[static_cast<std::size_t>(local_rank) % host.gpus.size()].uuid;
}

bool has_slices(const LaunchRequest& request) {
    return std::ranges::any_of(request.hosts, on_slices);
}

std::vector<std::string> command_of(const LaunchRequest& request) {
    if (request.script.empty()) {
        return request.argv;
    }
    const std::string path = request.paths.attempt_dir + "/" + script_name;
    if (!request.script.starts_with("#!")) {
        return {"/bin/sh", path};
    }
    // The interpreter is named here, so that a spool mounted noexec is no hindrance. As in the
    // kernel, all that follows its name is one argument.
    const std::string line = request.script.substr(2, request.script.find('\n') - 2);
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string::npos) {
        return {"/bin/sh", path};
    }
    const std::size_t end = std::min(line.find_first_of(" \t\r", begin), line.size());
    std::vector<std::string> command{line.substr(begin, end - begin)};
    const std::size_t argument = line.find_first_not_of(" \t\r", end);
    if (argument != std::string::npos) {
        const std::size_t last = line.find_last_not_of(" \t\r");
        command.push_back(line.substr(argument, last + 1 - argument));
    }
    command.push_back(path);
    return command;
}

std::vector<PlannedFile> script_files(const LaunchRequest& request) {
    if (request.script.empty()) {
        return {};
    }
    return {{.path = script_name, .content = request.script, .mode = 0700}};
}

}  // namespace khu::plugins
