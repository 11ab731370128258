#pragma once

/// \file
/// What must hold after every step, whatever the world did; the numbers are those of the project's
/// list of invariants.
///
///     I1  an acknowledged submission is queued, running or in the history, for ever
///     I2  one idempotency key makes one job       I3  a job id is never given twice
///     I4  no job runs in two attempts at once, as seen on the hosts
///     I5  no core and no GPU is in two running attempts, as seen on the hosts
///     I7  what has ended stays ended
///     I9  the books add up, recounted from the records
///     I18 no more of a counted resource is in use than there is, or than one enterprise may use

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/sim/controller.h"
#include "core/sim/host.h"

namespace khu::sim {

/// What clients were told, and what the store has.
struct Promises {
    std::map<std::string, JobId> job_of_key;  ///< acknowledged submissions
    std::map<JobId, std::string> key_of_job;
    std::set<JobId> archived;  ///< in the stored history
};

/// The first claim that does not hold; none if all do. Nothing is asked of khud while it is down.
std::optional<std::string> broken_claim(const Controller& controller,
                                        const std::vector<std::unique_ptr<Host>>& hosts,
                                        const Promises& promises);

}  // namespace khu::sim
