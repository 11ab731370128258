#pragma once

/// \file
/// The options that a batch script carries in its first lines: #KHU lines with the long or short
/// options of khu submit, and #SBATCH lines of scripts written for Slurm. What a #SBATCH line asks
/// and Khu does not honour is listed, never silently dropped; a wrong #KHU line is an error.
///
/// As in Slurm only lines before the first command count, "# ..." after a blank ends a line, and
/// words are quoted as in a shell. #KHU wins over #SBATCH, the command line over both.
///
/// Source: sbatch(1), the part called OPTIONS.

#include <string>
#include <string_view>
#include <vector>

#include "config/job_options.h"
#include "core/policy/complaint.h"

namespace khu::config {

struct NotHonoured {
    int line{0};
    std::string text;  ///< "--mail-type=END"
    std::string why_en;
    std::string why_vi;
    bool operator==(const NotHonoured&) const = default;
};

struct ScriptHeader {
    std::vector<JobOption> options;  ///< of #SBATCH, then of #KHU: applied in this order
    std::vector<NotHonoured> not_honoured;
    std::vector<Complaint> complaints;  ///< errors of #KHU lines, and values that cannot be right
};

/// Never throws. `script` may be any bytes; only its header is looked at.
ScriptHeader read_script_header(std::string_view script, std::string file_name,
                                const JobClock& clock);

}  // namespace khu::config
