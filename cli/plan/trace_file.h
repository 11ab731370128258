#pragma once

/// \file
/// A trace of jobs from a file: CSV (docs/formats/trace.md) or SWF, packed or not. Strict: a column
/// that is missing, a number that is none, a job submitted before the one above it are complaints
/// with their place. What a trace says and a replay does not obey is counted by column.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/expected.h"
#include "core/plan/trace.h"
#include "core/policy/complaint.h"

namespace khu::cli {

struct Trace {
    std::vector<plan::TraceJob> jobs;  ///< in the order of their submission
    /// Jobs that never ran: cancelled or removed while they waited.
    std::int64_t never_ran{0};
    /// Column -> jobs that say something there of which the replay knows nothing.
    std::map<std::string, std::int64_t> ignored;
    /// Of the first submission; none where nothing says it.
    std::optional<Moment> begins{};
};

/// What a job of the trace is measured in, on the machine of the replay.
enum class Counted { Gpus, Nodes, Cores };

/// Errors: every complaint, at most config::complaints_max of them. Never throws.
Expected<Trace, std::vector<Complaint>> read_trace(const std::string& path, Counted counted);

}  // namespace khu::cli
