#pragma once

/// \file
/// Values as people type them on the command line. None: not of that form; the caller names the
/// form it wants. Nothing is guessed: a duration or size without a unit is refused.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/units.h"

namespace khu::cli {

/// A whole number in plain decimal digits, 0 or more.
std::optional<std::int64_t> parse_count(std::string_view text);

/// "2h30m", "90s", "3d"; also Slurm's "1-02:30:00", "1-02", "02:30:00" and "30:00" (minutes,
/// seconds).
std::optional<Span> parse_duration(std::string_view text);

/// "64G", "512MiB", "1.5T" is not one: powers of 1024, K M G T, with or without iB or B.
std::optional<Bytes> parse_size(std::string_view text);

struct GpuWish {
    std::int64_t count{0};
    std::string model;  ///< empty: any
};
/// "8", "8:h100", also Slurm's "h100:8".
std::optional<GpuWish> parse_gpus(std::string_view text);

struct SignalWish {
    int number{0};
    std::int64_t seconds{60};  ///< before the time limit
};
/// "USR1@120", "SIGUSR1", "10@60".
std::optional<SignalWish> parse_signal(std::string_view text);

/// "5000", "5000h", "5000 GPUh", "0.5h": GPU-hours, at most six decimals.
std::optional<Atoms> parse_gpu_hours(std::string_view text);

/// "2026-03-02" (midnight), "2026-03-02T08:00", "...:30", each with "Z", "+07:00" or local time;
/// "now", "now+1h30m"; "08:00", the next time it is eight o'clock. `now` decides the last two.
std::optional<Moment> parse_moment(std::string_view text, Moment now);

}  // namespace khu::cli
