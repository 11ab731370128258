#pragma once

/// \file
/// How an answer says that a job gave way to others.

#include <cstdint>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "wire/timestamp.h"

namespace khu::wire {

/// How often a job's attempts gave way, and the last time.
struct GaveWayView {
    JobId to;
    Timestamp at;
    std::int64_t times{0};
};
KHU_DESCRIBE(GaveWayView, to, at, times)

}  // namespace khu::wire
