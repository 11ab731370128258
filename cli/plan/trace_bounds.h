#pragma once

/// \file
/// How much a trace may hold, whatever its form.

#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "core/base/limits.h"

namespace khu::cli::trace_bounds {

/// A million jobs of 300 bytes, three times over.
inline constexpr std::int64_t text_bytes_max = 1LL << 30;
inline constexpr std::size_t jobs_max = limits::jobs_pending_max;
/// A hundred years in seconds: sums over a million jobs stay within 63 bits.
inline constexpr std::int64_t submit_max = 100LL * 366 * 86'400;
/// No job may be limited to more, so none can be replayed for longer.
inline constexpr std::int64_t duration_max = limits::time_limit_max.value / 1000;
/// GPUs of the largest zone.
inline constexpr std::int64_t width_max = limits::nodes_max * limits::boards_per_node_max;

inline std::string too_many_jobs_en() {
    return fmt::format("more than {} jobs: use a part of it", jobs_max);
}
inline std::string too_many_jobs_vi() {
    return fmt::format("hơn {} tác vụ: hãy dùng một phần", jobs_max);
}

}  // namespace khu::cli::trace_bounds
