#pragma once

/// \file
/// What one shepherd must do: the whole attempt on this node, in the file `order` of its spool
/// directory. Written once by the agent, read once by the shepherd, and read again by an agent that
/// was restarted and finds the attempt running.
///
/// An attempt's spool directory SPOOL/JOB.ATTEMPT (the agent's, others may pass but not list):
///
///     order    this struct                                              (agent only)
///     lease    int64: CLOCK_BOOTTIME ms up to which the attempt may run (agent only)
///     sock     control socket: signal, stop, status, watch, exec        (agent only); there for a
///              gang, whose steps come by it, and for others from when their agent has gone
///     output   what the job printed, when captured; bounded             (agent only)
///     result   how it ended, JSON; appears whole or not at all          (agent only)
///     job/     the user's: planned files, stop file, exec socket, declared checkpoint
///
/// It is prepared as SPOOL/new/JOB.ATTEMPT and appears under its name when it is whole. When it is
/// forgotten, the directory and the agent's own files in it go to SPOOL/spare for the next attempt:
/// a file system that must not reuse inodes at once searches long for new ones. Of a user nothing
/// is passed on but job/ itself, empty, and to that user only.
///
/// A shepherd holds a lock (flock) on `lease` for as long as it lives, so that an agent which comes
/// back knows one that has not begun to listen from one that has died.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace khu::agent {

struct OrderFile {
    std::string path;  ///< one name, below job/
    std::string content;
    std::int64_t mode{0600};
    bool operator==(const OrderFile&) const = default;
};

struct OrderTask {
    std::int64_t rank{0};
    std::vector<std::string> env;  ///< "NAME=value", on top of the order's
    std::vector<int> cores;        ///< processing units; empty: not bound
    bool operator==(const OrderTask&) const = default;
};

struct ShepherdOrder {
    std::int64_t job{0}, attempt{0};
    std::int64_t array_index{-1};
    std::int64_t uid{-1}, gid{-1};  ///< -1: the agent's own
    std::vector<std::int64_t> groups;
    std::int64_t umask{022};
    std::string node;
    std::string chdir;
    std::vector<std::string> argv;
    std::vector<std::string> env;  ///< complete; nothing is inherited
    std::vector<OrderFile> files;
    std::vector<OrderTask> tasks;           ///< empty: this node only waits for remote steps
    std::vector<int> cores;                 ///< of remote steps
    std::vector<std::string> private_dirs;  ///< made for the user before, removed after
    std::string output;  ///< pattern, relative to chdir; empty: captured into the spool
    std::string error;   ///< empty: into output
    std::int64_t output_truncate{0};  ///< 1: begin empty; 0: append
    std::int64_t capture_bytes_max{1LL << 30};
    std::int64_t notice_children{0};  ///< 1: notices go to the children of the task, a batch shell
    std::int64_t accepts_steps{0};    ///< 1: steps come by `sock`, and by job/exec of khu-rsh
    std::int64_t kill_siblings{1};    ///< 1: one failed task ends the others
    std::int64_t leftover_grace_ms{2'000};  ///< for what the tasks leave behind
    std::int64_t hold{0};  ///< 1: prepare, then wait for `run`, so that a gang starts together
    std::int64_t processes_max{0};        ///< RLIMIT_NPROC where no group counts; 0: as the agent's
    std::vector<std::string> group_join;  ///< files to write "0" to: the control groups to enter
    std::string group_standby;            ///< directory that the shepherd's own group becomes
    std::int64_t group_processes{0};      ///< what may run in it
    std::string group_kill;    ///< directory of the group to end as a whole; empty: by descent
    std::string group_memory;  ///< directory of the group that counts memory; empty: none
    std::string start;         ///< khud's StartAttempt, JSON: what a restarted agent goes on from
    bool operator==(const ShepherdOrder&) const = default;
};

std::string encode_order(const ShepherdOrder& order);
/// None if the text is cut off, has an unknown key or a number that is none.
std::optional<ShepherdOrder> decode_order(std::string_view text);

/// "42.3": the name of the attempt's directory.
std::string attempt_name(std::int64_t job, std::int64_t attempt);

namespace spool_names {
inline constexpr const char* incoming = "new";
inline constexpr const char* order = "order";
inline constexpr const char* lease = "lease";
inline constexpr const char* socket = "sock";
inline constexpr const char* output = "output";
inline constexpr const char* result = "result";
inline constexpr const char* unfinished = "result.tmp";
inline constexpr const char* job_dir = "job";
inline constexpr const char* stop_file = "stop";
inline constexpr const char* exec_socket = "exec";
inline constexpr const char* checkpoint_file = "checkpoint";
}  // namespace spool_names

}  // namespace khu::agent
