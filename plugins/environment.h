#pragma once

/// \file
/// The environment of a job, shared by all launchers (the table for users:
/// docs/formats/environment.md). Precedence, lowest first: defaults a user may change
/// (PATH, OMP_NUM_THREADS, Open MPI tuning), the user's own variables, then Khu's and Slurm's
/// names, which state facts and cannot be changed by a submission.

#include <map>
#include <string>
#include <vector>

#include "plugins/launcher.h"

namespace khu::plugins {

using Environment = std::map<std::string, std::string>;

/// Of every process of the job on this node, all launchers. No per-rank names.
Environment node_environment(const LaunchRequest& request);

/// RANK, LOCAL_RANK, SLURM_PROCID and their kin for one process. `local_rank` < tasks of this node.
Environment task_environment(const LaunchRequest& request, int local_rank);

/// Environment and files that make a bare `mpirun` use exactly this allocation, started through
/// khu-rsh instead of ssh. Every value may be overridden on mpirun's own command line.
Environment open_mpi_environment(const LaunchRequest& request);
std::vector<PlannedFile> open_mpi_files(const LaunchRequest& request);

/// Ranks of the whole job, of the nodes before `node`, and threads that one rank may use.
int world_size(const LaunchRequest& request);
int first_rank(const LaunchRequest& request, int node);
int cores_per_task(const HostSlice& host);

/// The share of one local rank: the node's cores dealt out in order, as evenly as they go. Empty if
/// the cores are not to be bound, all of them if there are fewer cores than tasks.
std::vector<int> cores_of_task(const LaunchRequest& request, int local_rank);

/// The MIG slice of one local rank, by UUID: CUDA lets a process use one, so several ranks have one
/// each, in turn. Empty if the node's GPUs are whole ones, or one rank has all of them.
std::string slice_of_task(const HostSlice& host, int local_rank);
/// Whether some node of the job has MIG slices.
bool has_slices(const LaunchRequest& request);

/// The script with its interpreter, or the job's argv. A script without "#!" is run by /bin/sh.
std::vector<std::string> command_of(const LaunchRequest& request);
/// The script as a file of the attempt; empty if the job is an argv.
std::vector<PlannedFile> script_files(const LaunchRequest& request);

}  // namespace khu::plugins
