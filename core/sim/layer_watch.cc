#include "core/sim/layer_watch.h"

#include <fmt/format.h>

#include <algorithm>

namespace khu::sim {
namespace {

constexpr Span kBindWithin = seconds(10);

}  // namespace

void LayerWatch::learn(const Stamped& stamped) {
    if (const auto* brought = std::get_if<LayerBrought>(&stamped.fact)) {
        brought_ = brought->rules;
    } else if (const auto* binds = std::get_if<LayerBinds>(&stamped.fact)) {
        binds_ = true;
        if (!brought_ || binds->layer != brought_->id || stamped.at < brought_->effective_from) {
            broken_ = fmt::format("I-35 {} binds before its moment", binds->layer.value);
        }
    } else if (const auto* queued = std::get_if<JobQueued>(&stamped.fact)) {
        const Span most{binds_ ? brought_->bounds.front().number : kNever.value};
        if (queued->spec.time_limit > most) {
            broken_ =
                fmt::format("I-35 job {} may run for {}, the rules allow {}", queued->job.value,
                            format_span(queued->spec.time_limit), format_span(most));
        }
    }
}

std::optional<std::string> LayerWatch::broken(Moment now, Moment calm_since) const {
    if (!broken_ && brought_ && !binds_ &&
        now > std::max(brought_->effective_from, calm_since) + kBindWithin) {
        return fmt::format("I-35 {} does not bind", brought_->id.value);
    }
    return broken_;
}

}  // namespace khu::sim
