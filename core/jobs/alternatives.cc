#include "core/jobs/alternatives.h"

#include <algorithm>

#include "core/base/check.h"

namespace khu {

int ways_of(const JobSpec& spec) {
    return std::max(1, static_cast<int>(spec.any_of->ways.size()));
}

JobSpec in_way(const JobSpec& spec, int way) {
    KHU_CHECK(way >= 0 && way < ways_of(spec), "way {} of {}", way, ways_of(spec));
    JobSpec made = spec;
    if (!spec.any_of->ways.empty()) {
        const Alternative& of = spec.any_of->ways[static_cast<std::size_t>(way)];
        made.partition = of.partition;
        made.nodes = of.nodes;
        made.shape = of.shape;
        made.tasks_per_node = of.tasks_per_node;
        made.time_limit = of.time_limit;
    }
    return made;
}

JobSpec only_way(const JobSpec& spec, int way) {
    JobSpec made = in_way(spec, way);
    made.any_of.clear();
    return made;
}

void keep_way(JobSpec& spec, int way) {
    spec.any_of.edit().ways.at(static_cast<std::size_t>(way)) = {
        .partition = spec.partition,
        .nodes = spec.nodes,
        .shape = spec.shape,
        .tasks_per_node = spec.tasks_per_node,
        .time_limit = spec.time_limit};
}

std::string format_way(const Alternative& way) {
    const std::string what = way.shape.gpus > 0
                                 ? std::to_string(way.shape.gpus) + " " + way.shape.gpu_model.value
                                 : std::to_string(way.shape.cores) + " cores";
    return way.partition.value + ": " + std::to_string(way.nodes) + " x " + what + ", " +
           format_span(way.time_limit);
}

int way_taken(const Receipt& receipt) {
    return std::max(0, receipt.alternative - 1);
}

}  // namespace khu
