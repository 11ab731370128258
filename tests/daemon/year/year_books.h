#pragma once

/// \file
/// The books of a year against each other: rows of usage, ledger, statements and the zone's report,
/// month by month, to the last atom and mvnd (I-14), and each closed month against what it was.

#include <string>
#include <vector>

#include "core/machine/state.h"
#include "daemon/store/store.h"
#include "tests/daemon/year/year_zone.h"

namespace khu::testing {

/// SHA-256 of the reports of a month that is closed: jobs, services and all statements.
std::string report_hash(daemon::Store& store, const State& state, const std::string& period);

/// What differs, in words; empty: all is well.
std::vector<std::string> compare_books(daemon::Store& store, const State& state,
                                       const YearOptions& options);

}  // namespace khu::testing
