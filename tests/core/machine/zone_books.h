#pragma once

/// \file
/// What a zone of the tests wrote into its books, and what often happens to it: its clock moves on
/// with every agent heard, the next policy comes in force, an attempt ends on all of its nodes.

#include <string_view>
#include <vector>

#include "core/ledger/recount.h"
#include "core/ledger/usage.h"
#include "tests/core/machine/zone_builder.h"

namespace khu::testing {

/// Those whose id begins with `begins`, in the order in which they went to the store.
std::vector<Entry> entries(const Zone& zone, std::string_view begins = {});
std::vector<UsageRow> rows(const Zone& zone);
std::vector<UsageRow> rows_of(const Zone& zone, JobId job);

/// The books recounted from every entry; expects each of them to be right.
Recount recounted(const Zone& zone);

/// At `at` every agent is heard and the clock ticks.
void go(Zone& zone, Moment at);
/// The second policy of the zone, in force a millisecond from now, and a round under it.
void apply_next(Zone& zone, Policy next);
/// The job's attempt has ended on each node; then a round.
void end_everywhere(Zone& zone, JobId job, NodeEnd end);

}  // namespace khu::testing
