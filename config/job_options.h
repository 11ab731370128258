#pragma once

/// \file
/// The options that describe a job, by their long names, wherever they are written: on the command
/// line of `khu submit`, as keys of a job.yaml, in the #KHU lines of a script. One table reads
/// their values, so that all three accept the same and refuse the same.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/values.h"
#include "config/yaml_tree.h"
#include "core/base/expected.h"
#include "core/jobs/spec.h"
#include "core/policy/complaint.h"

namespace khu::config {

/// One option as written.
struct JobOption {
    std::string name;   ///< "gpus-per-node", without dashes
    std::string value;  ///< empty for a flag
    Place place;
    bool operator==(const JobOption&) const = default;
};

/// What differs from the job, for each of its alternatives; see alternatives.h.
using Alternatives = std::vector<std::vector<JobOption>>;

/// What options, one after another, say of a job. Zeros and empty texts mean the zone's default.
struct Submission {
    JobSpec spec;  ///< shape.cores is set by finish()
    int cores_per_task{0};
    Payload payload;
    std::string any_of_file;  ///< --any-of: to be read into `any_of`
    Alternatives any_of;
    bool operator==(const Submission&) const = default;
};

/// What relative times are relative to.
struct JobClock {
    Moment now;
    int utc_offset_minutes{0};
};

enum class OptionTakes { Value, Nothing };

struct JobOptionInfo {
    std::string_view name;
    char letter{0};  ///< 'n' of -n; 0: none
    OptionTakes takes{OptionTakes::Value};
    bool later{false};  ///< known, and of a later release: refused by name, never ignored
};

/// Every one, in the order of the help. Null if there is none of that name, letter.
const std::vector<JobOptionInfo>& all_job_options();
const JobOptionInfo* find_job_option(std::string_view name);
const JobOptionInfo* find_job_option(char letter);

/// Reads the option into `submission`. Errors: P007 unknown (with the nearest), P019 of a later
/// release, and what the value's form gives.
std::optional<BadValue> apply_option(const JobOption& option, const JobClock& clock,
                                     Submission& submission);

/// One of the options that may differ between alternatives.
std::optional<BadValue> apply_to_alternative(const JobOption& option, Submission& submission);

/// The last step: cores of a node are cores per task x tasks per node. Errors: P011, too many.
std::optional<BadValue> finish(Submission& submission);

/// Each alternative of a finished submission, whole. Errors: as of finish().
Expected<std::vector<Submission>, BadValue> whole_alternatives(const Submission& submission);

}  // namespace khu::config
