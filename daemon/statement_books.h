#pragma once

/// \file
/// What a statement asks of the zone's state: which entries are of the month, and whose grants and
/// duties there are. The rest of it is read from the store (statements.h).

#include "core/machine/state.h"
#include "daemon/statements.h"

namespace khu::daemon {

/// `request` has the period and the enterprise.
void ask_of_state(StatementRequest& request, ReportZone& zone, const State& state, Moment now);
/// `request.common` has the period; of all that the zone ever knew.
void ask_of_state(AllStatementsRequest& request, ReportZone& zone, const State& state, Moment now);

}  // namespace khu::daemon
