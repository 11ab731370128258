#include "core/machine/arrays.h"

#include "core/base/limits.h"
#include "core/machine/apply.h"

namespace khu {
namespace {

int index_of(const Job& array, JobId element) {
    return static_cast<int>(element.value - array.id.value - 1);
}

/// Whether an element's turn to wait for resources has come.
bool wants_element(const Job& array) {
    const ArrayProgress& progress = *array.progress;
    const int cap = array.spec.array->running_max;
    return progress.waiting_count > 0 && !array.spec.held && !array.blocked &&
           progress.queued < limits::array_window && (cap == 0 || progress.live < cap);
}

}  // namespace

const Job* array_with(const State& state, JobId element) {
    auto before = state.truth.jobs.lower_bound(element);
    if (before == state.truth.jobs.begin()) {
        return nullptr;
    }
    const Job* job = &std::prev(before)->second;
    if (is_element(job->spec)) {
        job = state.find_job(job->spec.array->of);
    }
    const bool has = job != nullptr && is_array(job->spec) &&
                     element.value < job->id.value + numbers_taken(job->spec) &&
                     waits(*job->progress, index_of(*job, element));
    return has ? job : nullptr;
}

Job element_of(const Job& array, JobId element, Moment now) {
    Job made{.id = element,
             .spec = array.spec,
             .phase = Queued{.since = now},
             .submitted_at = array.submitted_at};
    made.spec.array = ArrayRules{.of = array.id, .index = index_of(array, element)};
    made.spec.when.clear();
    if (array.spec.when->deadline > Moment{0}) {
        made.spec.when.edit().deadline = array.spec.when->deadline;
    }
    return made;
}

ElementQueued element_queued(const Job& array, JobId element) {
    return {.array = array.id, .job = element};
}

std::vector<const Job*> live_elements(const State& state, const Job& array) {
    std::vector<const Job*> elements;
    for (auto at = state.truth.jobs.upper_bound(array.id);
         at != state.truth.jobs.end() && at->second.spec.array->of == array.id; ++at) {
        elements.push_back(&at->second);
    }
    return elements;
}

int cap_of_array(const State& state, const JobSpec& element) {
    return state.truth.jobs.at(element.array->of).spec.array->running_max;
}

std::optional<Reason> over_array_cap(const State& state, const JobSpec& spec,
                                     std::int64_t also_running) {
    if (!is_element(spec)) {
        return std::nullopt;
    }
    const Job& array = state.truth.jobs.at(spec.array->of);
    const ArrayProgress& progress = *array.progress;
    const int cap = array.spec.array->running_max;
    const std::int64_t running = progress.live - progress.queued + also_running;
    if (cap == 0 || running < cap) {
        return std::nullopt;
    }
    return Reason(Code::ArrayFull)
        .with("running", running)
        .with("waiting", progress.waiting_count + progress.queued)
        .with("limit", cap);
}

std::optional<Fact> array_consequence(const State& state) {
    if (state.arrays_due.empty()) {
        return std::nullopt;
    }
    const Job& array = state.truth.jobs.at(*state.arrays_due.begin());
    if (array.progress->waiting_count == 0) {
        return ArrayEnded{.job = array.id};
    }
    return element_queued(array, element_id(array.id, *first_waiting(*array.progress)));
}

namespace apply_detail {

void review_array(State& state, const Job& array) {
    const ArrayProgress& progress = *array.progress;
    const bool over = progress.waiting_count == 0 && progress.live == 0;
    if (is_array(array.spec) && (over || wants_element(array))) {
        state.arrays_due.insert(array.id);
    } else {
        state.arrays_due.erase(array.id);
    }
}

void cap_changed(State& state, const Job& array, Moment at) {
    if (!is_array(array.spec)) {
        return;
    }
    for (const Job* element : live_elements(state, array)) {
        if (std::holds_alternative<Queued>(element->phase)) {
            stand_anew(state, *element, at);
        }
    }
    state.scheduler.admission_changed(array.spec.enterprise);
    review_array(state, array);
}

void element_waits(State& state, const Job& element, bool waits) {
    if (is_element(element.spec)) {
        Job& array = state.truth.jobs.at(element.spec.array->of);
        array.progress.edit().queued += waits ? 1 : -1;
        review_array(state, array);
    }
}

void element_ended(State& state, const Job& element, EndCause cause, int exit_code) {
    if (!is_element(element.spec)) {
        return;
    }
    Job& array = state.truth.jobs.at(element.spec.array->of);
    ArrayProgress& progress = array.progress.edit();
    --progress.live;
    ++progress.ended;
    if (cause != EndCause::Completed) {
        ++progress.failed;
        if (progress.cause == EndCause::Completed) {
            progress.cause = cause;
            progress.exit_code = exit_code;
        }
    }
    review_array(state, array);
}

}  // namespace apply_detail
}  // namespace khu
