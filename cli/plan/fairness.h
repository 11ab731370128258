#pragma once

/// \file
/// Finish-time ratio: how much longer an enterprise's jobs take on the shared machine than they
/// would alone on its share of it. Above 1, sharing costs it; below 1, sharing is worth it. The
/// share is an equal part of the common nodes, rounded up, but never fewer nodes than its widest
/// job needs; nodes of its own come on top. K. Mahajan et al., "Themis", NSDI 2020.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/plan/settings.h"
#include "core/plan/measures.h"

namespace khu::cli {

struct Replayable {
    const Setting& setting;
    plan::Runtimes runtimes{plan::Runtimes::Known};
};

/// Enterprise -> mean completion time shared over alone, in thousandths. One more replay for each
/// enterprise. `shared` is the measure of all of them together.
std::map<std::string, std::int64_t> finish_time_ratios(const Replayable& replayable,
                                                       const std::vector<plan::TraceJob>& jobs,
                                                       const plan::Measures& shared);

}  // namespace khu::cli
