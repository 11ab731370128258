#include "core/jobs/array.h"

#include <algorithm>
#include <bit>

#include "core/base/check.h"

namespace khu {
namespace {

constexpr int kBits = 64;

std::size_t word_of(int index) {
    return static_cast<std::size_t>(index / kBits);
}

std::uint64_t bit_of(int index) {
    return std::uint64_t{1} << (index % kBits);
}

int last_index(const ArrayRules& rules) {
    int last = 0;
    for (const IndexRange& range : rules.indices) {
        last = std::max(last, range.last);
    }
    return last;
}

}  // namespace

JobId element_id(JobId array, int index) {
    return JobId{array.value + 1 + static_cast<std::uint64_t>(index)};
}

std::uint64_t numbers_taken(const JobSpec& spec) {
    return is_array(spec) ? static_cast<std::uint64_t>(last_index(*spec.array)) + 2 : 1;
}

std::string job_label(JobId job, const JobSpec& spec) {
    return is_element(spec)
               ? std::to_string(spec.array->of.value) + "_" + std::to_string(spec.array->index)
               : std::to_string(job.value);
}

ArrayProgress not_begun(const ArrayRules& rules) {
    ArrayProgress progress;
    progress.waiting.resize(word_of(last_index(rules)) + 1);
    for (const IndexRange& range : rules.indices) {
        for (int index = range.first; index <= range.last; index += range.step) {
            progress.waiting[word_of(index)] |= bit_of(index);
        }
    }
    for (const std::uint64_t word : progress.waiting) {
        progress.waiting_count += std::popcount(word);
    }
    return progress;
}

bool waits(const ArrayProgress& progress, int index) {
    return index >= 0 && word_of(index) < progress.waiting.size() &&
           (progress.waiting[word_of(index)] & bit_of(index)) != 0;
}

std::optional<int> first_waiting(const ArrayProgress& progress) {
    for (std::size_t word = 0; word < progress.waiting.size(); ++word) {
        if (progress.waiting[word] != 0) {
            return static_cast<int>(word) * kBits + std::countr_zero(progress.waiting[word]);
        }
    }
    return std::nullopt;
}

void take(ArrayProgress& progress, int index) {
    KHU_CHECK(waits(progress, index), "{}", index);
    progress.waiting[word_of(index)] &= ~bit_of(index);
    --progress.waiting_count;
}

std::string format_array(const ArrayRules& rules) {
    std::string text;
    for (const IndexRange& range : rules.indices) {
        text += (text.empty() ? "" : ",") + std::to_string(range.first);
        if (range.last != range.first) {
            text += "-" + std::to_string(range.last);
        }
        if (range.step != 1) {
            text += ":" + std::to_string(range.step);
        }
    }
    return rules.running_max > 0 ? text + "%" + std::to_string(rules.running_max) : text;
}

}  // namespace khu
