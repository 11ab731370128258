/// Changes of a job that waits or runs.

#include "core/jobs/alternatives.h"
#include "core/jobs/array.h"
#include "core/machine/admission.h"
#include "core/machine/decide.h"

namespace khu::decide_detail {
namespace {

std::int64_t number(const Job& job) {
    return static_cast<std::int64_t>(job.id.value);
}

/// A waiting job may become whatever could have been submitted.
Expected<JobSpec, Refusal> changed_in_queue(const State& state, const Job& job,
                                            const JobChange& change, Moment now) {
    JobSpec spec = job.spec;
    spec.name = change.name.value_or(spec.name);
    spec.time_limit = change.time_limit.value_or(spec.time_limit);
    for (int way = 0; change.time_limit && way < ways_of(job.spec) && ways_of(job.spec) > 1;
         ++way) {
        spec.any_of.edit().ways[static_cast<std::size_t>(way)].time_limit = *change.time_limit;
    }
    spec.not_before = change.not_before.value_or(spec.not_before);
    spec.qos = change.qos.value_or(spec.qos);
    if (change.deadline) {
        spec.when.edit().deadline = *change.deadline;
    }
    if (change.array_running_max && is_array(job.spec)) {
        spec.array.edit().running_max = *change.array_running_max;
    }
    if (change.resources) {
        spec.counted.clear();
        if (!change.resources->empty()) {
            spec.counted = CountedWishes{*change.resources};
        }
    }
    return readmit(state, std::move(spec), now);
}

/// What was held at its start is held: a running job can only get less time.
Expected<JobSpec, Refusal> changed_while_running(const Job& job, const JobChange& change,
                                                 Moment now) {
    const char* fixed = change.not_before  ? "begin time"
                        : change.deadline  ? "deadline"
                        : change.qos       ? "QOS"
                        : change.resources ? "counted resources"
                                           : nullptr;
    if (fixed != nullptr) {
        return Unexpected{
            Refusal(Code::FixedOnceStarted).with("job", number(job)).with("what", fixed)};
    }
    JobSpec spec = job.spec;
    spec.name = change.name.value_or(spec.name);
    spec.time_limit = change.time_limit.value_or(spec.time_limit);
    if (spec.time_limit > job.spec.time_limit) {
        return Unexpected{Refusal(Code::OnlyShorter)
                              .with("job", number(job))
                              .with("limit_s", job.spec.time_limit.value / 1000)};
    }
    if (ways_of(spec) > 1) {
        keep_way(spec, way_taken(live_attempt(job)->placement.receipt));
    }
    const Span ran = now - live_attempt(job)->taken_at;
    if (spec.time_limit != job.spec.time_limit && spec.time_limit <= ran) {
        return Unexpected{
            Refusal(Code::AlreadyLonger).with("job", number(job)).with("ran_s", ran.value / 1000)};
    }
    return spec;
}

}  // namespace

/// Of an array, what waits of it is changed; its cap is of the array alone. Errors: J300, J301 once
/// it ends, J302 to J305, and those of admission.
Decided on(State& state, const UpdateJob& command, Moment now) {
    Expected<Target, Refusal> found = target_of(state, command.who, command.job, now);
    if (!found) {
        return Unexpected{found.error()};
    }
    if (std::holds_alternative<Ending>(found->job.phase)) {
        return wrong_phase(found->job, "changed");
    }
    if (command.change.array_running_max && !is_array(found->job.spec)) {
        return Unexpected{Refusal(Code::NotAnArray).with("job", number(found->job))};
    }
    Decision decision{.facts = std::move(found->first), .job = command.job};
    for (const Job* job : waiting_of(state, found->job)) {
        Expected<JobSpec, Refusal> spec = live_attempt(*job) == nullptr
                                              ? changed_in_queue(state, *job, command.change, now)
                                              : changed_while_running(*job, command.change, now);
        if (!spec) {
            return Unexpected{std::move(spec).error()};
        }
        if (*spec != job->spec) {
            decision.facts.push_back(
                JobChanged{.job = job->id, .spec = std::move(*spec), .by = command.who.user});
        }
    }
    return decision;
}

}  // namespace khu::decide_detail
