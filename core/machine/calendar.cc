#include "core/machine/calendar.h"

#include <algorithm>

namespace khu {

std::optional<Reason> blackout_ahead(const Policy& policy, const JobSpec& spec, Moment now) {
    const Blackout* first = nullptr;
    for (const Blackout& each : policy.calendar.blackouts) {
        const bool here =
            std::ranges::find(each.partitions, spec.partition) != each.partitions.end();
        const bool meets = each.window.to > now && each.window.from < now + spec.time_limit;
        if (here && meets && (first == nullptr || each.window.from < first->window.from)) {
            first = &each;
        }
    }
    if (first == nullptr) {
        return std::nullopt;
    }
    return Reason(Code::BlackoutAhead)
        .with("blackout", first->id)
        .with("partition", spec.partition.value)
        .with("from_at", first->window.from.value)
        .with("opens_at", first->window.to.value)
        .with("until_at", (now + spec.time_limit).value)
        .limited_by("calendar.blackouts." + first->id);
}

std::optional<Moment> next_blackout_end(const Policy& policy, Moment after) {
    std::optional<Moment> next;
    for (const Blackout& each : policy.calendar.blackouts) {
        if (each.window.to > after && (!next || each.window.to < *next)) {
            next = each.window.to;
        }
    }
    return next;
}

}  // namespace khu
