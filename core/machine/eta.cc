#include "core/machine/eta.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/base/limits.h"
#include "core/jobs/alternatives.h"
#include "core/jobs/array.h"
#include "core/machine/apply.h"
#include "core/machine/calendar.h"
#include "core/machine/counted_books.h"
#include "core/machine/reservations.h"
#include "core/machine/reserving.h"

namespace khu {
namespace {

/// An attempt that has outlasted what was expected of it is expected to take as long again.
Moment expected_end(const Job& job, Moment now) {
    const Attempt& attempt = *live_attempt(job);
    const Moment expected = attempt.taken_at + job.predicted;
    return expected > now ? expected : now + (now - attempt.taken_at);
}

/// It starts in whichever comes first.
void take_earlier(JobEta& eta, const JobEta& other) {
    eta.early = std::min(eta.early, other.early);
    eta.late = std::min(eta.late, other.late);
}

/// What the calendar, and who uses counted resources, say of jobs that wait, as far as it can be
/// foreseen: of those resources not who else of the queue will have them.
struct CalendarAhead {
    CalendarAhead(const State& state, Moment now)
        : counted(state, now), openings(counted.given_back()) {
        bookings.replace(foreseen_windows(state, now));
        for (const Blackout& each : state.truth.policy->calendar.blackouts) {
            openings.push_back(each.window.to);
        }
        for (const KnownReservation& known : known_reservations(state)) {
            for (const Window& window : windows_of(known.what)) {
                openings.push_back(window.from);
            }
        }
        std::erase_if(openings, [&](Moment at) { return at <= now; });
        std::ranges::sort(openings);
    }
    CountedBooks counted;
    Bookings bookings;
    std::vector<Moment> openings;
};

std::vector<JobEta> etas_of(const State& state, const PartitionId& partition,
                            CalendarAhead& calendar, Moment now) {
    const auto job = [&](JobId id) -> const Job& { return state.truth.jobs.at(id); };
    ForecastInput input{.cluster = state.scheduler.cluster(),
                        .queue = state.scheduler.queue(),
                        .running = state.scheduler.running(),
                        .memo = state.scheduler.memo(),
                        .expected_run = [&](JobId id) { return job(id).predicted; },
                        .expected_end = [&](JobId id) { return expected_end(job(id), now); },
                        .bookings = calendar.bookings,
                        .may_begin = {},
                        .openings = calendar.openings,
                        .now = now};
    if (!calendar.openings.empty()) {
        input.may_begin = [&](JobId id, int way, Moment at) {
            const JobSpec spec = in_way(job(id).spec, way);
            return !blackout_ahead(*state.truth.policy, spec, at) &&
                   !outside_reservation(state, spec, at) &&
                   (state.truth.promises.contains(id) || calendar.counted.free_at(spec, at));
        };
    }
    return forecast(input, partition, limits::forecast_jobs_max);
}

}  // namespace

std::vector<JobEta> etas_of(const State& state, const PartitionId& partition, Moment now) {
    CalendarAhead calendar(state, now);
    return etas_of(state, partition, calendar, now);
}

std::vector<JobEta> etas_of(const State& state, Moment now) {
    const Queue& queue = state.scheduler.queue();
    std::vector<JobEta> all;
    std::map<JobId, std::size_t> several;
    CalendarAhead calendar(state, now);
    for (const auto& [partition, heads] : queue.partitions()) {
        for (const JobEta& eta : etas_of(state, partition, calendar, now)) {
            const bool alone = !queue.has_alternatives(eta.job);
            const auto known = alone ? several.end() : several.find(eta.job);
            if (known != several.end()) {
                take_earlier(all[known->second], eta);
                continue;
            }
            if (!alone) {
                several.emplace(eta.job, all.size());
            }
            all.push_back(eta);
        }
    }
    return all;
}

std::optional<JobEta> eta_of(const State& state, const Job& job, Moment now) {
    std::set<PartitionId> partitions;
    for (int way = 0; way < ways_of(job.spec); ++way) {
        partitions.insert(in_way(job.spec, way).partition);
    }
    std::optional<JobEta> found;
    for (const PartitionId& partition : partitions) {
        for (const JobEta& eta : etas_of(state, partition, now)) {
            if (eta.job == job.id && found) {
                take_earlier(*found, eta);
            } else if (eta.job == job.id) {
                found = eta;
            }
        }
    }
    return found;
}

bool may_be_told(const Job& job) {
    return job.attempts.value == 0 && !job.eta.filled() && !job.spec.held && !job.blocked &&
           !is_array(job.spec);
}

namespace apply_detail {

void await_eta(State& state, const Job& job, Moment now) {
    if (may_be_told(job)) {
        state.eta_due_at = std::min(state.eta_due_at, now + limits::eta_after);
    }
}

void count_first_start(State& state, Job& job, Moment at) {
    const Span offset = minutes(state.truth.policy->utc_offset_minutes);
    state.truth.waits.count({.day = day_of(at + offset),
                             .enterprise = job.spec.enterprise,
                             .programme = job.spec.programme,
                             .gpus = std::int64_t{job.spec.nodes} * job.spec.shape.gpus,
                             .submitted = job.submitted_at,
                             .started = at,
                             .early = job.eta->early,
                             .late = job.eta->late});
    if (job.eta.filled()) {
        job.eta.edit().started_at = at;
    }
}

Effects on(State& state, const EtasGiven& fact, Moment at) {
    for (const JobEta& each : fact.etas) {
        Job& job = state.truth.jobs.at(each.job);
        job.eta =
            StartEstimate{.given_at = at, .early = each.early, .late = each.late, .started_at = {}};
    }
    return {};
}

}  // namespace apply_detail
}  // namespace khu
