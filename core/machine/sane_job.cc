#include "core/machine/sane_job.h"

#include <tuple>

#include "core/base/limits.h"

namespace khu {

using Checked = Expected<Done, Refusal>;

Checked in_range(const char* what, std::int64_t asked, std::int64_t low, std::int64_t high) {
    if (asked >= low && asked <= high) {
        return Done{};
    }
    return Unexpected{Refusal(Code::AbsurdRequest)
                          .with("what", what)
                          .with("asked", asked)
                          .with("low", low)
                          .with("high", high)};
}

namespace {

Checked sane_indices(const ArrayRules& rules) {
    if (Checked cap = in_range("elements at a time", rules.running_max, 0, limits::array_index_max);
        !cap) {
        return cap;
    }
    if (Checked few = in_range("ranges of indices", static_cast<std::int64_t>(rules.indices.size()),
                               0, 1'000);
        !few) {
        return few;
    }
    for (const IndexRange& range : rules.indices) {
        for (const auto& [what, asked, low] : {std::tuple{"first index", range.first, 0},
                                               std::tuple{"last index", range.last, range.first},
                                               std::tuple{"step of indices", range.step, 1}}) {
            if (Checked checked = in_range(what, asked, low, limits::array_index_max); !checked) {
                return checked;
            }
        }
    }
    return Done{};
}

}  // namespace

Checked sane_numbers(const JobSpec& spec) {
    struct Range {
        const char* what;
        std::int64_t asked, low, high;
    };
    const Range ranges[] = {
        {"nodes", spec.nodes, 1, limits::nodes_max},
        {"GPUs per node", spec.shape.gpus, 0, limits::gpus_per_node_max},
        {"cores per node", spec.shape.cores, 0, limits::cores_per_node_max},
        {"tasks per node", spec.tasks_per_node, 1, limits::tasks_per_node_max},
        {"memory per node in bytes", spec.shape.memory.value, 0, limits::mem_per_node_max.value},
        {"time limit in seconds", spec.time_limit.value / 1000, 0,
         limits::time_limit_max.value / 1000},
        {"signal", spec.notice_signal, 0, 64},
        {"seconds of notice", spec.notice_seconds, 0, 86'400},
        {"nodes of a segment", spec.where->segment, 0, limits::nodes_max},
        {"nodes to choose from", static_cast<std::int64_t>(spec.where->include.size()), 0,
         limits::nodes_max},
        {"nodes to stay off", static_cast<std::int64_t>(spec.where->exclude.size()), 0,
         limits::nodes_max},
        {"length of the reservation's name",
         static_cast<std::int64_t>(spec.where->reservation.size()), 0, limits::name_bytes_max},
        {"features", static_cast<std::int64_t>(spec.where->features.size()), 0, 64},
        {"counted resources", static_cast<std::int64_t>(spec.counted->all.size()), 0,
         limits::counted_per_job_max},
        {"length of the name", static_cast<std::int64_t>(spec.name.size()), 0,
         limits::name_bytes_max},
    };
    if (Checked indices = sane_indices(*spec.array); !indices) {
        return indices;
    }
    for (const CountedWish& wish : spec.counted->all) {
        if (Checked some = in_range("of a counted resource", wish.count, 1, limits::counted_max);
            !some) {
            return some;
        }
    }
    for (const Range& range : ranges) {
        Checked checked = in_range(range.what, range.asked, range.low, range.high);
        if (!checked) {
            return checked;
        }
    }
    return Done{};
}

}  // namespace khu
