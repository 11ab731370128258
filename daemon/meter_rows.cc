#include "daemon/meter_rows.h"

#include "wire/json.h"

namespace khu::daemon {
namespace {

std::string space_of(const std::string& period) {
    return "meter:" + period;
}

constexpr const char* kCharges = "meter-charge";

template <class T>
Expected<T, Refusal> read_value(const std::string& json, const std::string& path) {
    auto value = wire::from_json_text<T>(json, wire::Unknown::Ignore);
    if (!value) {
        return Unexpected{
            Refusal(Code::StateDamaged).with("path", path).with("why", value.error().why)};
    }
    return *std::move(value);
}

/// A correction is beside the rows of the month that it is booked in, never in the place of one.
KeyValue stored_row(const MeterRow& row) {
    return {.space = space_of(row.period),
            .key = row.enterprise_id.value.str() + "/" + row.meter.value.str() + "/" + row.row_id +
                   (row.corrects ? "/" + *row.corrects : ""),
            .value = wire::to_json_text(row)};
}

}  // namespace

void store_readings(const PostReadings& readings, std::vector<KeyValue>& values) {
    for (const MeterRow& row : readings.rows) {
        values.push_back(stored_row(row));
    }
    for (const MeterCharge& charge : readings.charges) {
        if (charge.reading.corrects.empty()) {
            values.push_back({.space = kCharges,
                              .key = reading_name(charge.period, charge.reading),
                              .value = wire::to_json_text(charge)});
        }
    }
}

Expected<std::map<std::string, MeterCharge>, Refusal> corrected_by(
    Store& store, const std::vector<MeterReading>& readings) {
    std::map<std::string, MeterCharge> firsts;
    for (const MeterReading& reading : readings) {
        if (reading.corrects.empty() || firsts.contains(reading.corrects)) {
            continue;
        }
        const auto stored = store.value(kCharges, reading.corrects);
        if (!stored) {
            return Unexpected{stored.error()};
        }
        if (*stored) {
            auto charge =
                read_value<MeterCharge>(**stored, std::string(kCharges) + "/" + reading.corrects);
            if (!charge) {
                return Unexpected{std::move(charge).error()};
            }
            firsts.emplace(reading.corrects, *std::move(charge));
        }
    }
    return firsts;
}

Expected<Done, Refusal> each_reading(Store& store, const std::string& period,
                                     const EnterpriseId& enterprise,
                                     const std::function<void(const MeterRow&)>& each) {
    const std::string prefix = enterprise.empty() ? "" : enterprise.value.str() + "/";
    std::optional<Refusal> wrong;
    auto read = store.each_value(space_of(period), prefix, [&](const KeyValue& one) {
        auto row = read_value<MeterRow>(one.value.value_or(""), one.space + "/" + one.key);
        if (row && !wrong) {
            each(*row);
        } else if (!row) {
            wrong = std::move(row).error();
        }
    });
    if (wrong) {
        return Unexpected{*std::move(wrong)};
    }
    return read;
}

}  // namespace khu::daemon
