#pragma once

/// \file
/// Rows of other meters as values of the store: one space for each month, the key says of whom.

#include <functional>
#include <string>

#include "core/ledger/meter.h"
#include "daemon/store/store.h"

namespace khu::daemon {

KeyValue stored_reading(const MeterRow& row);

/// The month's rows, by enterprise, meter and name; of one enterprise, or of all where it is empty.
/// Errors: those of the store.
Expected<Done, Refusal> each_reading(Store& store, const std::string& period,
                                     const EnterpriseId& enterprise,
                                     const std::function<void(const MeterRow&)>& each);

}  // namespace khu::daemon
