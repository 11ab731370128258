/// Facts about arrays.

#include "core/machine/apply.h"
#include "core/machine/arrays.h"
#include "core/machine/dependencies.h"
#include "core/machine/standing.h"

namespace khu::apply_detail {

Effects on(State& state, const ElementQueued& fact, Moment at) {
    Job& array = state.truth.jobs.at(fact.array);
    forget_timer(state, array);
    Job element = element_of(array, fact.job, at);
    element.predicted =
        state.truth.history.predict(run_class(element.spec), element.spec.time_limit, at).run;
    const auto [entry, fresh] = state.truth.jobs.emplace(fact.job, std::move(element));
    KHU_CHECK(fresh, "job {}", fact.job.value);
    ArrayProgress& progress = array.progress.edit();
    take(progress, entry->second.spec.array->index);
    ++progress.queued;
    ++progress.live;
    set_timer(state, array, std::nullopt);
    enter_queue(state, entry->second, at);
    set_timer(state, entry->second, std::nullopt);
    review_array(state, array);
    return {};
}

Effects on(State& state, const ArrayTrimmed& fact, Moment) {
    Job& array = state.truth.jobs.at(fact.job);
    forget_timer(state, array);
    ArrayProgress& progress = array.progress.edit();
    progress.ended += progress.waiting_count;
    progress.failed += progress.waiting_count;
    progress.waiting_count = 0;
    progress.waiting.clear();
    if (progress.cause == EndCause::Completed) {
        progress.cause = fact.cause;
    }
    review_array(state, array);
    return {};
}

Effects on(State& state, const ArrayEnded& fact, Moment at) {
    Job job = std::move(state.truth.jobs.at(fact.job));
    const ArrayProgress& progress = *job.progress;
    KHU_CHECK(progress.waiting_count == 0 && progress.live == 0, "job {}", fact.job.value);
    state.truth.jobs.erase(fact.job);
    state.arrays_due.erase(fact.job);
    state.scheduler.job_unqueued(job.id);
    leave_queue(state, job);
    dependency_ended(state, job, progress.cause);
    job.phase = Finished{.cause = progress.cause,
                         .exit_code = progress.exit_code,
                         .detail = std::to_string(progress.ended - progress.failed) + " of " +
                                   std::to_string(progress.ended) + " elements ended well",
                         .at = at};
    return {ArchiveJob{.job = std::move(job)}};
}

}  // namespace khu::apply_detail
