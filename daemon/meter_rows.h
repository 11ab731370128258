#pragma once

/// \file
/// Rows of other meters as values of the store: one space for each month, the key says of whom.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/ledger/meter.h"
#include "core/machine/effects.h"
#include "daemon/store/store.h"

namespace khu::daemon {

/// The rows, and what each was made of, by its name, for its corrections: into `values`.
void store_readings(const PostReadings& readings, std::vector<KeyValue>& values);
/// Those of `readings` that are corrected, by name, as far as they were taken. Errors: those of the
/// store.
Expected<std::map<std::string, MeterCharge>, Refusal> corrected_by(
    Store& store, const std::vector<MeterReading>& readings);

/// The month's rows, by enterprise, meter and name; of one enterprise, or of all where it is empty.
/// Errors: those of the store.
Expected<Done, Refusal> each_reading(Store& store, const std::string& period,
                                     const EnterpriseId& enterprise,
                                     const std::function<void(const MeterRow&)>& each);

}  // namespace khu::daemon
