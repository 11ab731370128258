#pragma once

/// \file
/// Jobs submitted with --or-idle: while the hours or the money of such a job do not fit, it waits
/// in the idle class of its programme, free and giving way; as soon as they fit again, and whenever
/// an attempt of it has ended, at the QOS that it asked for. The programme allows it by `exhausted:
/// idle-only`, which is the default.

#include <optional>

#include "core/machine/state.h"

namespace khu {

/// Where the job may wait though `lacks` keeps it from starting; none if nowhere. Never a job for
/// which others gave way: no two jobs evict each other in turn.
std::optional<QosId> idle_offer(const State& state, const Job& job, const Reason& lacks);

}  // namespace khu
