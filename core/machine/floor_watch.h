#pragma once

/// \file
/// Who may come to stand under the floor rule, kept with the queue so that nobody walks it.

#include <map>
#include <set>
#include <utility>

#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu {

struct FloorWatch {
    /// Waiting jobs that are small enough, by since when they wait. No enterprise without.
    std::map<EnterpriseId, std::set<std::pair<Moment, JobId>>> waiting;
    std::map<JobId, Moment> since;  ///< of those
    /// Waiting jobs that stand under the rule, with their GPUs. No enterprise without.
    std::map<EnterpriseId, std::map<JobId, int>> lifted;
    Moment due_at{kNever};  ///< when the rule may apply to somebody; see floor_due()
};

}  // namespace khu
