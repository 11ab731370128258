#pragma once

/// \file
/// An array: many jobs alike but for an index, submitted as one record. The record keeps a bit for
/// each index that has not begun to wait for resources; an element becomes a job of its own, with
/// its own number, when its turn comes (limits::array_window of them wait at a time). The number of
/// element i of array A is A + 1 + i, so that "12_3" names a job without asking anybody.
///
/// An array ends when its last element has.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/jobs/job.h"
#include "core/jobs/rules.h"

namespace khu {

inline bool is_array(const JobSpec& spec) {
    return !spec.array->indices.empty();
}
inline bool is_element(const JobSpec& spec) {
    return spec.array->of != JobId{};
}

JobId element_id(JobId array, int index);
/// How many numbers the array takes, its own among them. 1 for a job that is no array.
std::uint64_t numbers_taken(const JobSpec& spec);
/// "12", or "12_3" for an element.
std::string job_label(JobId job, const JobSpec& spec);

/// Every index waits. Claims: ranges within 0 and limits::array_index_max.
ArrayProgress not_begun(const ArrayRules& rules);
bool waits(const ArrayProgress& progress, int index);
/// The least that waits; none if none does.
std::optional<int> first_waiting(const ArrayProgress& progress);
/// Claims: it waits.
void take(ArrayProgress& progress, int index);

/// "1-100:2,200%8", as people write it.
std::string format_array(const ArrayRules& rules);

}  // namespace khu
