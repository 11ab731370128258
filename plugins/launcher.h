#pragma once

/// \file
/// A launcher turns "this job on these nodes" into what one node must start: a pure plan of
/// argument vectors, environment and files. It never starts anything and does not know who runs the
/// plan, so that a golden test covers it whole. plugins/README.md shows how to write one in a page.
///
/// Each node of an attempt asks for its own plan, with the same request but its own `node_rank`.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/expected.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/base/units.h"
#include "core/jobs/spec.h"

namespace khu::plugins {

/// One GPU of a node that the job may use.
struct GpuSlot {
    int index{0};      ///< as the node numbers its GPUs
    std::string uuid;  ///< "GPU-5f2c…" or "MIG-…"; empty: known by index only
    bool operator==(const GpuSlot&) const = default;
};

/// What the job has on one node, in rank order of the nodes.
struct HostSlice {
    std::string name;
    std::string address;  ///< where the node's ranks are reached; empty: the name resolves
    int rsh_port{0};      ///< of the node's remote step server; 0: it has none
    int tasks{1};
    std::vector<int> cores;  ///< operating system indices of the processing units, ascending
    std::vector<GpuSlot> gpus;
    Bytes memory;
    bool operator==(const HostSlice&) const = default;
};

/// Absolute paths on this node. `attempt_dir` belongs to the job's user and goes away with it.
struct LaunchPaths {
    std::string attempt_dir;
    std::string rsh_helper;       ///< khu-rsh
    std::string stop_file;        ///< reason and deadline of an announced stop appear here
    std::string checkpoint_file;  ///< `khu checkpoint` writes here
    std::string checkpoint_dir;   ///< empty: the job has none
    std::string scratch_dir;      ///< TMPDIR of the attempt on this node; empty: the machine's
    std::string
        shared_memory_dir;  ///< for segments of ranks, the same path on all nodes; empty: default
};

struct LaunchRequest {
    JobId job;
    AttemptNumber attempt;
    std::string name;  ///< the job's, for SLURM_JOB_NAME
    std::string zone, enterprise, user, partition;
    std::string home;  ///< the user's directory on this node; empty: the working directory
    std::vector<HostSlice> hosts;
    int node_rank{0};  ///< this node's place in `hosts`; 0 is the head node
    std::vector<std::string> argv;
    std::string script;  ///< exactly one of argv and script is filled
    std::map<std::string, std::string> env;
    std::string chdir;
    Moment deadline;
    int restart_count{0};
    std::string checkpoint;         ///< the last one of an earlier attempt, as the job named it
    int array_index{-1};            ///< -1: not an array
    std::string network_cidr;       ///< "10.1.0.0/16": the network ranks talk over; empty: any
    std::string network_interface;  ///< "ib0": for NCCL and Gloo; empty: they choose
    std::string rsh_token;          ///< secret of this attempt; empty: no remote steps
    std::string rsh_ca;             ///< the zone's certificate in PEM, to verify other nodes with
    LaunchPaths paths;
    bool run_as_root{false};     ///< the job's user is root (a machine of one's own, tests)
    bool bind_cores{true};       ///< false: the cores are those of another machine's topology
    bool oversubscribed{false};  ///< more ranks than real cores: waiting ranks must yield
};

struct PlannedFile {
    std::string path;  ///< relative to attempt_dir
    std::string content;
    unsigned mode{0600};
    bool operator==(const PlannedFile&) const = default;
};

/// One process that the node starts itself.
struct TaskPlan {
    int rank{0};                             ///< within the job
    std::map<std::string, std::string> env;  ///< on top of the plan's
    std::vector<int> cores;                  ///< bound to these; empty: not bound
    bool operator==(const TaskPlan&) const = default;
};

struct LaunchPlan {
    std::vector<std::string> argv;
    std::map<std::string, std::string> env;
    std::vector<PlannedFile> files;
    std::vector<TaskPlan> tasks;  ///< as often argv is started here
    std::vector<int> cores;       ///< all of this node's, for remote steps; empty: not bound
    bool runs_here{true};         ///< false: this node only waits for remote steps
    bool operator==(const LaunchPlan&) const = default;
};

class Launcher {
public:
    virtual ~Launcher() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
    /// Errors: LaunchFailed with `node` and `why` when the request cannot be started by anybody.
    [[nodiscard]] virtual Expected<LaunchPlan, Refusal> plan(
        const LaunchRequest& request) const = 0;
};

/// The launcher that a job's spec names.
const Launcher& launcher_for(khu::Launcher kind);

/// What every launcher refuses: no hosts, a rank beyond them, nothing or two things to run, a NUL
/// byte in an argument, name or value.
Expected<Done, Refusal> check_request(const LaunchRequest& request);

}  // namespace khu::plugins
