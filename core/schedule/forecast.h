#pragma once

/// \file
/// When the first jobs that wait in a partition will start, as an interval. Both ends come from
/// one small model of the partition, in which a node is only a number of free GPUs (free cores,
/// where no node has GPUs) and knows whose it is:
///
///     late    every attempt, and every job before this one, uses its whole limit, and jobs start
///             strictly in the order of the queue; then half as long again, for jobs that come
///             later and stand before it. A job with a reservation has that promise instead.
///     early   each runs as long as such jobs have run (run_history.h), and whatever fits starts;
///             a quarter of that, since most runs are much shorter than their mean
///
/// Both ends then move on to the next moment at which the calendar leaves the job the nodes it
/// needs: no blackout and no window of a reservation that it does not name meets its time limit,
/// and one that it names is open. In the model of the late end nobody starts where he may not.
///
/// The half and the quarter are what made 85 to 90 % of intervals hold on traces as different as
/// Philly's and KTH's. The links between GPUs, racks and features are not in the model. How often
/// the interval holds is measured (wait_stats.h). Its ends are rounded out to whole minutes.

#include <functional>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/schedule/bookings.h"
#include "core/schedule/memo.h"
#include "core/schedule/queue.h"
#include "core/schedule/running.h"

namespace khu {

struct JobEta {
    JobId job;
    Moment early;
    Moment late;
    bool operator==(const JobEta&) const = default;
};
KHU_DESCRIBE(JobEta, job, early, late)

struct ForecastInput {
    const Cluster& cluster;
    const Queue& queue;
    const RunningJobs& running;
    const RoundMemo& memo;
    std::function<Span(JobId)> expected_run;    ///< of a job that waits
    std::function<Moment(JobId)> expected_end;  ///< of a running attempt
    const Bookings& bookings;                   ///< as far as they can be foreseen
    /// Whether blackouts and the reservation that the job names let it begin then, in that way;
    /// empty: nothing is against it.
    std::function<bool(JobId, int alternative, Moment)> may_begin;
    std::vector<Moment> openings;  ///< when `may_begin` may say yes again, ascending
    Moment now;
};

/// Of the first `most` ready jobs of the partition, in their order. Left out are those that
/// admission keeps waiting, and those that would not start though everything ended.
std::vector<JobEta> forecast(const ForecastInput& input, const PartitionId& partition,
                             std::int64_t most);

}  // namespace khu
