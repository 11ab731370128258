#include "core/sim/layer_watch.h"

#include <fmt/format.h>

#include <algorithm>

namespace khu::sim {
namespace {

constexpr Span kBindWithin = seconds(10);

}  // namespace

void LayerWatch::look_at(const JobSpec& spec, JobId job) {
    for (const auto& [id, brought] : brought_) {
        const EnterpriseId& whose = brought.rules.enterprise;
        const Span most{brought.rules.bounds.front().number};
        if (brought.binds && (whose.empty() || whose == spec.enterprise) &&
            spec.time_limit > most) {
            broken_ = fmt::format("I-35 job {} may run for {}, {} allows {}", job.value,
                                  format_span(spec.time_limit), id.value, format_span(most));
        }
    }
}

void LayerWatch::learn(const Stamped& stamped) {
    if (const auto* brought = std::get_if<LayerBrought>(&stamped.fact)) {
        brought_[brought->rules.id] = {.rules = brought->rules};
    } else if (const auto* binds = std::get_if<LayerBinds>(&stamped.fact)) {
        const auto known = brought_.find(binds->layer);
        if (known == brought_.end() || stamped.at < known->second.rules.effective_from) {
            broken_ = fmt::format("I-35 {} binds before its moment", binds->layer.value);
        } else {
            known->second.binds = true;
        }
    } else if (const auto* queued = std::get_if<JobQueued>(&stamped.fact)) {
        look_at(queued->spec, queued->job);
    }
}

std::optional<std::string> LayerWatch::broken(Moment now, Moment calm_since) const {
    if (broken_) {
        return broken_;
    }
    for (const auto& [id, brought] : brought_) {
        if (!brought.binds &&
            now > std::max(brought.rules.effective_from, calm_since) + kBindWithin) {
            return fmt::format("I-35 {} does not bind", id.value);
        }
    }
    return std::nullopt;
}

}  // namespace khu::sim
