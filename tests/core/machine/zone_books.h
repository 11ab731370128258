#pragma once

/// \file
/// What a zone of the tests wrote into its books, and its clock moved on with every agent heard.

#include <string_view>
#include <vector>

#include "core/ledger/recount.h"
#include "core/ledger/usage.h"
#include "tests/core/machine/zone_builder.h"

namespace khu::testing {

/// Those whose id begins with `begins`, in the order in which they went to the store.
std::vector<Entry> entries(const Zone& zone, std::string_view begins = {});
std::vector<UsageRow> rows(const Zone& zone);

/// The books recounted from every entry; expects each of them to be right.
Recount recounted(const Zone& zone);

/// At `at` every agent is heard and the clock ticks.
void go(Zone& zone, Moment at);

}  // namespace khu::testing
