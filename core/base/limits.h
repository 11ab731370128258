#pragma once

/// \file
/// Everything bounded, each bound with its reason. A bound that users meet has a refusal that names
/// it; raising one is a decision, made here.

#include <cstdint>

#include "core/base/units.h"

namespace khu::limits {

/// Capped projects in one grant: each is looked at at every start.
inline constexpr std::int64_t projects_per_grant_max = 200;

// Requests of a job.
inline constexpr std::int64_t nodes_max = 10'000;             ///< a zone is at most this many nodes
inline constexpr std::int64_t gpus_per_node_max = 64;         ///< and MIG slices: bits of a mask
inline constexpr std::int64_t boards_per_node_max = 16;       ///< GPUs, whole or cut: exact so far
inline constexpr std::int64_t cores_per_node_max = 4'096;     ///< the largest x86 node, with room
inline constexpr std::int64_t numa_per_node_max = 256;        ///< the largest SGI UV
inline constexpr std::int64_t packages_per_node_max = 256;    ///< the same
inline constexpr std::int64_t pus_per_core_max = 16;          ///< POWER10 has 8
inline constexpr std::int64_t os_index_max = 65'535;          ///< Linux itself stops at 8,192 CPUs
inline constexpr std::int64_t nics_per_node_max = 256;        ///< shown to people, never searched
inline constexpr std::int64_t gpu_devices_max = 16;           ///< device files of one GPU
inline constexpr std::int64_t tasks_per_node_max = 1'024;     ///< ranks per node; more is a mistake
inline constexpr Bytes mem_per_node_max = gibibytes(65'536);  ///< 64 TiB, twice the largest node
inline constexpr Span time_limit_max = days(366);             ///< holds must fit in 63 bits
inline constexpr std::int64_t dependencies_max = 1'000;       ///< jobs that one job waits for
inline constexpr std::int64_t array_index_max = 100'000;      ///< 12.5 KB of bits
inline constexpr int array_window = 64;              ///< elements that wait for resources at a time
inline constexpr std::int64_t alternatives_max = 8;  ///< of a job; a round looks at each
inline constexpr std::int64_t counted_max = 100'000;  ///< of one counted resource: users are walked
inline constexpr std::int64_t counted_per_job_max = 16;      ///< resources that one job names
inline constexpr std::int64_t name_bytes_max = 128;          ///< job name, shown in tables
inline constexpr std::int64_t script_bytes_max = 4LL << 20;  ///< Slurm's default of 4 MiB
inline constexpr std::int64_t env_bytes_max = 1LL << 20;     ///< environment of a job, all of it
inline constexpr std::int64_t argv_bytes_max = 1LL << 20;    ///< half of Linux's ARG_MAX
inline constexpr std::int64_t path_bytes_max = 4'096;        ///< PATH_MAX

// The zone.
inline constexpr Span floor_again = hours(1);                ///< for a grant that may have opened
inline constexpr std::int64_t jobs_pending_max = 1'000'000;  ///< 1 KB each: 1 GB of memory
inline constexpr std::int64_t grants_per_hold_max = 4;       ///< more is not worth explaining
inline constexpr std::int64_t ended_jobs_remembered = 100'000;    ///< to depend on; 64 B each
inline constexpr std::int64_t grant_requests_waiting_max = 20;    ///< of one enterprise
inline constexpr std::int64_t grant_requests_kept_max = 10'000;   ///< decided ones, for the list
inline constexpr std::int64_t refunds_kept_max = 10'000;          ///< 2 KB each; the newest
inline constexpr Span makegood_window = days(30);                 ///< of a grant for a refund
inline constexpr std::int64_t report_file_bytes_max = 1LL << 28;  ///< read whole, for its hash
inline constexpr Span report_warning = days(7);                   ///< before it is late
inline constexpr Span report_again = days(14);                    ///< for one that was sent back
inline constexpr std::int64_t purpose_bytes_max = 2'000;          ///< a paragraph
inline constexpr std::int64_t attempts_per_job_max = 16;          ///< then the job is held

// Agents: leases. An agent that hears nothing for `lease` kills its attempts; khud restarts a job
// elsewhere only after `lease + lease_skew` without a heartbeat answered by it.
inline constexpr Span heartbeat_every = seconds(3);
inline constexpr Span lease = seconds(30);
inline constexpr Span lease_skew = seconds(5);   ///< 500 ppm of drift, and delays
inline constexpr Span kill_grace = seconds(10);  ///< between TERM and KILL

inline constexpr Span undo_grace = seconds(2);  ///< the same for a gang that never ran whole
inline constexpr Span session_echo = seconds(
    10);  ///< mpirun ends so long after a launch session broke with an agent that was restarted

inline constexpr Span launch_timeout = seconds(10);  ///< for a gang to be prepared
inline constexpr Span repeat_after = seconds(2);     ///< a message without its answer is said again
inline constexpr std::int64_t tombstones_max = 100'000;  ///< ended attempts remembered
inline constexpr Span retry_backoff_max = minutes(10);   ///< doubling from 1 s

// The API and the wire.
inline constexpr std::int64_t body_bytes_max = 8LL << 20;   ///< script + environment + JSON escapes
inline constexpr std::int64_t frame_bytes_max = 4LL << 20;  ///< an inventory is < 1 MiB
inline constexpr std::int64_t header_bytes_max = 16LL << 10;
inline constexpr Span request_idle_max = seconds(30);    ///< slow clients are cut
inline constexpr std::int64_t connections_max = 12'000;  ///< 10,000 agents and the people
inline constexpr std::int64_t page_rows_max = 1'000;     ///< rows of a listing per page

// Rates (H429). A request counts as one; a page of a listing, a report or what a node must be asked
// for counts as more (daemon/http/routes.cc). Zone admins and agents are not counted.
inline constexpr std::int64_t requests_per_second = 1'000;  ///< of one user: 5 % of what khud can
inline constexpr std::int64_t requests_burst = 4'000;       ///< `khu queue` of 200,000 jobs
inline constexpr std::int64_t strangers_per_second = 50;    ///< of an address, without a token
inline constexpr std::int64_t strangers_burst = 500;        ///< a rack's agents join behind one
inline constexpr std::int64_t rate_buckets_max = 65'536;    ///< 8 MB; more strangers share one

// Those who watch events. What they have not taken is read from the store again.
inline constexpr std::int64_t events_kept = 16'384;           ///< in memory: 5 MB
inline constexpr std::int64_t watchers_max = 1'000;           ///< 256 KiB each at most: 0.25 GB
inline constexpr std::int64_t watchers_per_user_max = 64;     ///< a few people's pages and scripts
inline constexpr std::int64_t watcher_bytes_max = 256 << 10;  ///< waiting to be sent to one
inline constexpr Span watcher_stall_max = seconds(30);        ///< then a slow one is cut
inline constexpr Span watcher_pulse = seconds(15);  ///< a sign of life, with where to resume

// Policy files (P006).
inline constexpr std::int64_t policy_bytes_max = 16LL << 20;
inline constexpr std::int64_t policy_depth_max = 16;
inline constexpr std::int64_t policy_nodes_max = 1'000'000;

// An enterprise's own rules, which its holders bring.
inline constexpr std::int64_t own_rules_bytes_max = 64 << 10;  ///< of a text
inline constexpr std::int64_t own_bounds_max = 200;    ///< in one: each is held against every key
inline constexpr std::int64_t own_rules_to_come = 10;  ///< of one enterprise
inline constexpr std::int64_t own_rules_kept = 50;     ///< the newest; the log has all

// Predictions.
inline constexpr std::int64_t run_classes_max = 200'000;  ///< about 250 bytes each
inline constexpr std::int64_t forecast_jobs_max = 2'000;  ///< of a partition: a few milliseconds
inline constexpr std::int64_t forecast_windows_max = 16;  ///< that have no nodes yet, foreseen
inline constexpr Span eta_after = seconds(1);   ///< then a job that waits is told when it starts
inline constexpr Span eta_again = seconds(60);  ///< or when that can be said of it
inline constexpr std::int64_t wait_rows_max = 50'000;  ///< 300 bytes each: years of a small zone

// The calendar.
inline constexpr std::int64_t reservation_windows_max = 400;       ///< of one: every day of a year
inline constexpr std::int64_t reservations_booked_max = 10'000;    ///< 1 KB each; looked through
inline constexpr std::int64_t reservations_of_policy_max = 1'000;  ///< of enterprises, at once
/// What is in the way of a booking of the policy is often gone soon: a job ends, a node is back.
inline constexpr Span booking_retry = minutes(1);
inline constexpr Span reservation_length_max = days(31);
inline constexpr Span reservation_ahead_max = days(400);

// A scheduling round. What a bound cuts off is looked at in the next round.
inline constexpr std::int64_t round_starts_max = 4'096;    ///< keeps one batch of facts below 10 MB
inline constexpr std::int64_t round_looks_max = 200'000;   ///< about 0.1 s
inline constexpr std::int64_t backfill_lanes_max = 1'000;  ///< of a shape behind a reservation

inline constexpr Span promise_slack =
    seconds(60);  ///< for what was told to leave, beyond its grace

// The engine.
inline constexpr std::int64_t batch_commands_max = 512;        ///< commands decided for one commit
inline constexpr std::int64_t snapshot_every_facts = 100'000;  ///< replay at restart < 1 s

}  // namespace khu::limits
