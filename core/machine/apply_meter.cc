// Readings of other meters: into the books, and a row each for the report.

#include "core/machine/apply.h"

namespace khu::apply_detail {
namespace {

void remember(Truth& truth, const MeterCharge& charge) {
    const MeterReading& reading = charge.reading;
    const std::uint64_t digest = digest_of(reading);
    if (reading.corrects.empty()) {
        truth.readings[reading_name(charge.period, reading)] = {.digest = digest,
                                                                .from = reading.from};
    } else {
        CorrectedReading& corrected = truth.corrected[reading.corrects];
        corrected.quantity_micro += reading.quantity_micro;
        corrected.rows[reading.row] = digest;
    }
}

}  // namespace

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
        rows.charges.push_back(charge);
        remember(truth, charge);
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
