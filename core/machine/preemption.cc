#include "core/machine/preemption.h"

#include <algorithm>

namespace khu {

GivingWay giving_way(const Policy& policy, const QosId& id) {
    const Qos* qos = find_qos(policy, id);
    if (qos == nullptr) {
        return {};
    }
    const std::vector<std::string>& order = policy.preemption.order;
    const bool named = std::ranges::find(order, id.value.str()) != order.end();
    return {.yields = named && qos->factor_permille == 0,
            .after = qos->min_runtime,
            .holds_place = !qos->no_backfill_hold};
}

PreemptionRule preemption_rule(const Policy& policy) {
    PreemptionRule rule{
        .on = !policy.preemption.order.empty(), .grace = policy.preemption.grace, .ranks = {}};
    int rank = 0;
    for (const std::string& name : policy.preemption.order) {
        if (name == kBorrowed) {
            rule.borrowed_rank = rank++;
        } else {
            rule.ranks[QosId{name}] = rank++;
        }
    }
    return rule;
}

bool reclaims(const Policy& policy) {
    return std::ranges::find(policy.preemption.order, kBorrowed) != policy.preemption.order.end();
}

Moment yields_at(const Policy& policy, const QosId& qos, bool borrowed, Moment now) {
    const GivingWay way = giving_way(policy, qos);
    if (borrowed && !way.yields && reclaims(policy)) {
        return now + policy.preemption.min_runtime_borrowed;
    }
    return way.yields ? now + way.after : kNever;
}

}  // namespace khu
