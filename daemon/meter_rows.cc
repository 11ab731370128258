#include "daemon/meter_rows.h"

#include "wire/json.h"

namespace khu::daemon {
namespace {

std::string space_of(const std::string& period) {
    return "meter:" + period;
}

}  // namespace

KeyValue stored_reading(const MeterRow& row) {
    return {.space = space_of(row.period),
            .key = row.enterprise_id.value.str() + "/" + row.meter.value.str() + "/" + row.row_id,
            .value = wire::to_json_text(row)};
}

Expected<Done, Refusal> each_reading(Store& store, const std::string& period,
                                     const EnterpriseId& enterprise,
                                     const std::function<void(const MeterRow&)>& each) {
    const auto stored = store.values(space_of(period));
    if (!stored) {
        return Unexpected{stored.error()};
    }
    for (const KeyValue& one : *stored) {
        const auto row =
            wire::from_json_text<MeterRow>(one.value.value_or(""), wire::Unknown::Ignore);
        if (!row) {
            return Unexpected{Refusal(Code::StateDamaged)
                                  .with("path", space_of(period) + "/" + one.key)
                                  .with("why", row.error().why)};
        }
        if (enterprise.empty() || row->enterprise_id == enterprise) {
            each(*row);
        }
    }
    return Done{};
}

}  // namespace khu::daemon
