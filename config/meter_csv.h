#pragma once

/// \file
/// Readings of other meters from a CSV file: `khu meter import`. The header is
///
///     row,meter,enterprise,quantity,from,to,corrects,reason,decision_ref
///
/// in any order, the last three may be left out; the quantity is a plain decimal number with at
/// most six decimals, from and to are days of the zone or moments with their offset. A row with
/// `corrects` corrects the row of that name; its quantity may begin with "-". One bad row and the
/// whole file is refused.

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "core/ledger/meter.h"

namespace khu::config {

struct MeterRows {
    std::vector<MeterReading> readings;
    std::vector<std::int64_t> lines;  ///< where each begins, from 1; the header is line 1
};

/// Errors: BadImport R304 with the line and what is wrong with it.
Expected<MeterRows, Refusal> read_meter_csv(std::string_view text, int utc_offset_minutes);

}  // namespace khu::config
