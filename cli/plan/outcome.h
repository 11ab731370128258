#pragma once

/// \file
/// What `khu plan` shows: what went in, what came out of each replay, how long it took.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/plan/trace_file.h"
#include "core/plan/measures.h"

namespace khu::cli {

/// Jobs that were never started, for one reason.
struct Rejected {
    std::string code;  ///< "A131 impossible_shape"
    std::int64_t jobs{0};
    std::string text;  ///< of the first of them, with its numbers
};

/// One replay.
struct PlanOutcome {
    std::string name;  ///< of the machine file, and of the policy file if there is one
    Counted counted{Counted::Gpus};
    plan::Measures measures;
    std::vector<Rejected> rejected;
    /// Enterprise -> mean completion time over the one alone on its share of the machine, in
    /// thousandths. Empty unless asked for.
    std::map<std::string, std::int64_t> finish_time_ratio;
    std::vector<plan::Sample> samples;
    std::optional<plan::NotLent> not_lent;
    std::int64_t wall_ms{0};
};

/// Everything that was asked for: one replay, or two to be compared.
struct PlanReport {
    std::string trace;
    std::int64_t never_ran{0};                    ///< jobs of the trace that were not replayed
    std::map<std::string, std::int64_t> ignored;  ///< column -> jobs: what is not obeyed
    std::vector<PlanOutcome> outcomes;
};

/// "2833.123" of 2,833,123 thousandths.
std::string format_milli(std::int64_t thousandths);

/// "gpu_hours", "node_hours", "core_hours".
std::string_view hours_key(Counted counted);

}  // namespace khu::cli
