#pragma once

/// \file
/// Arrays in the state: which of them have something to do by themselves (an element's turn has
/// come, the last one has ended), and the facts that follow.

#include <optional>
#include <vector>

#include "core/jobs/array.h"
#include "core/machine/events.h"
#include "core/machine/state.h"

namespace khu {

/// The array that has an element of that number which is no job of its own yet; null if none has.
const Job* array_with(const State& state, JobId element);
/// That element as the job it will be. Claims: array_with() gave `array`.
Job element_of(const Job& array, JobId element, Moment now);
/// The fact that makes it one.
ElementQueued element_queued(const Job& array, JobId element);
/// The elements that are jobs of their own now, in the order of their numbers.
std::vector<const Job*> live_elements(const State& state, const Job& array);
/// How many elements of an element's array may run at a time; 0: any number.
int cap_of_array(const State& state, const JobSpec& element);
/// A129 where so many run already; only after the cap was lowered. `also_running`: elements of the
/// array that are not in the state yet.
std::optional<Reason> over_array_cap(const State& state, const JobSpec& spec,
                                     std::int64_t also_running = 0);
/// What an array does by itself next; none if nothing.
std::optional<Fact> array_consequence(const State& state);

namespace apply_detail {

/// To be called when anything changed that decides whether the array has something to do.
void review_array(State& state, const Job& array);
/// The array's cap may be another: what waits of it stands anew.
void cap_changed(State& state, const Job& array, Moment at);
/// The element began or ceased to wait for resources. Nothing if the job is no element.
void element_waits(State& state, const Job& element, bool waits);
/// It has left memory for good.
void element_ended(State& state, const Job& element, EndCause cause, int exit_code);

}  // namespace apply_detail
}  // namespace khu
