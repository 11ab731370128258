#pragma once

/// \file
/// Who uses a counted resource (counted.h), or has been promised a place for which others give way,
/// as holds of its timeline.

#include <algorithm>

#include "core/base/limits.h"
#include "core/jobs/alternatives.h"
#include "core/machine/state.h"

namespace khu {

/// Calls `visit` with each: from `now` until its deadline. One that has outlasted its deadline
/// gives back at any moment, but has not yet.
template <class Visit>
void each_use(const State& state, const ResourceId& resource, Moment now, const Visit& visit) {
    const auto users = state.counted_use.find(resource);
    if (users == state.counted_use.end()) {
        return;
    }
    for (const auto& [id, count] : users->second) {
        const Job& job = state.truth.jobs.at(id);
        const Moment until = std::max(live_attempt(job)->deadline, now + milliseconds(1));
        visit(CountedHold{.enterprise = job.spec.enterprise, .time = {now, until}, .count = count});
    }
}

/// The same of the jobs that have a promised place: until they end if they start as late as they
/// may. What they name is theirs from the promise on, or others would have given way for nothing.
template <class Visit>
void each_promised(const State& state, const ResourceId& resource, Moment now, const Visit& visit) {
    for (const auto& [id, place] : state.truth.promises) {
        const JobSpec& asked = state.truth.jobs.at(id).spec;
        for (const CountedWish& wish : asked.counted->all) {
            if (wish.resource == resource) {
                const Span limit = in_way(asked, place.alternative).time_limit;
                const Moment until = std::max(place.by + limits::promise_slack, now) + limit;
                visit(CountedHold{
                    .enterprise = asked.enterprise, .time = {now, until}, .count = wish.count});
            }
        }
    }
}

}  // namespace khu
