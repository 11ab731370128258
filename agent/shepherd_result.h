#pragma once

/// \file
/// How an attempt ended on one node. The shepherd writes it as JSON, whole or not at all (temporary
/// file, rename; fsync when no agent is connected); the agent reads it, reports it and deletes it.
/// Times come from CLOCK_BOOTTIME, so that a change of the wall clock changes no bill.

#include <cstdint>
#include <string>

#include "core/base/describe.h"

namespace khu::agent {

/// The stop_reason of an attempt that was ended because the node's lease was over, whether its
/// shepherd or the agent saw that first.
inline constexpr const char* lease_lost = "lease_lost";
/// The fault_why of a result that nobody wrote: whoever looked after the attempt died under it.
inline constexpr const char* no_result = "its shepherd ended without a result";

struct ShepherdResult {
    std::int64_t job{0}, attempt{0};
    std::int64_t exit_code{0};  ///< of the first task that failed; 0 if none did
    std::int64_t signal{0};     ///< that ended that task; 0: it exited
    bool oom{false};            ///< the attempt's memory group had to kill
    std::string fault;        ///< why it could not start: a name of codes.def (T7..); empty: it did
    std::string fault_path;   ///< the command, directory or file
    std::string fault_why;    ///< "Permission denied"
    std::string stop_reason;  ///< of the stop that ended it, or lease_lost; empty: by itself
    bool output_cut{false};   ///< the captured output reached its bound
    std::int64_t started_ms{0}, ended_ms{0};  ///< CLOCK_BOOTTIME; started 0: it never ran
    std::int64_t ended_unix_ms{0};            ///< the wall clock at the end, for people
    std::int64_t duration_ms{0};
    std::int64_t max_rss_bytes{0};
    std::int64_t cpu_ms{0};
    std::int64_t checkpoint_stamp{0};   ///< of the last declared one; 0: none
    std::int64_t checkpoint_age_ms{0};  ///< at the end
    std::string checkpoint_path;
    bool operator==(const ShepherdResult&) const = default;
};
KHU_DESCRIBE(ShepherdResult, job, attempt, exit_code, signal, oom, fault, fault_path, fault_why,
             stop_reason, output_cut, started_ms, ended_ms, ended_unix_ms, duration_ms,
             max_rss_bytes, cpu_ms, checkpoint_stamp, checkpoint_age_ms, checkpoint_path)

/// One JSON object and a line end.
std::string to_text(const ShepherdResult& result);

}  // namespace khu::agent
