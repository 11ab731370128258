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
        rule.ranks[QosId{name}] = rank++;
    }
    return rule;
}

Moment yields_at(const Policy& policy, const QosId& qos, Moment now) {
    const GivingWay way = giving_way(policy, qos);
    return way.yields ? now + way.after : kNever;
}

}  // namespace khu
