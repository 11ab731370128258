// Readings of other meters: into the books, and a row each for the report.

#include "core/machine/apply.h"

namespace khu::apply_detail {

Effects on(State& state, const MeterRead& fact, Moment at) {
    Truth& truth = state.truth;
    Effects effects;
    PostReadings rows;
    for (const MeterCharge& charge : fact.charges) {
        const Ledger::Entries entries =
            truth.ledger.charge_meter(charge, truth.policy->zone.id, at, truth.policy->id);
        MeterRow row = meter_row(charge, truth.policy->id, entries);
        row.zone_id = truth.policy->zone.id;
        row.province_code = truth.policy->zone.province.code;
        rows.rows.push_back(std::move(row));
        if (!entries.empty()) {
            effects.push_back(PostEntries{entries});
        }
        truth.readings[reading_name(charge.period, charge.reading)] = {
            .digest = digest_of(charge.reading), .from = charge.reading.from};
    }
    effects.push_back(std::move(rows));
    state.scheduler.admission_changed();
    return effects;
}

/// Of a closed month nothing is taken any more, so that its names need not be known.
void forget_readings(State& state) {
    std::erase_if(state.truth.readings,
                  [&](const auto& each) { return each.second.from < state.truth.closed_until; });
}

}  // namespace khu::apply_detail
