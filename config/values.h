#pragma once

/// \file
/// How people write numbers with units, in policies, job files and options: one strict scanner for
/// each. Nothing is guessed, nothing is rounded, no floating point: a text is either right or
/// refused with the reason and the byte where it goes wrong. The code is the policy's P-code; the
/// command line shows the reason alone.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/expected.h"
#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu::config {

struct BadValue {
    std::string code;  ///< "P011"
    std::string why_en;
    std::string why_vi;
    std::size_t offset{0};
    bool operator==(const BadValue&) const = default;
};

template <class T>
using Value = Expected<T, BadValue>;

// --- Numbers ----------------------------------------------------------------------

/// A plain decimal integer in [low, high]: no sign, leading zero, separator, exponent (P011); 0
/// where `low` is more than 0 is P012.
Value<std::int64_t> parse_whole(std::string_view text, std::int64_t low, std::int64_t high);

/// "37.5%" in per mille, at most `permille_max` (P013).
Value<int> parse_percent(std::string_view text, int permille_max);

/// "500 GPUh" (P010 without unit, P011, P012 if not above 0 unless `zero_too`).
Value<Atoms> parse_gpu_hours(std::string_view text, bool zero_too);
/// What is asked for or granted: "500 GPUh", "500h", or "1800000000 ugs" to the last atom; more
/// than 0, the same errors.
Value<Atoms> parse_granted(std::string_view text);
/// "6000000000 VND"; the same errors.
Value<Mvnd> parse_dong(std::string_view text, bool zero_too);
/// "27000 VND/GPUh" in dong; the same errors.
Value<std::int64_t> parse_rate(std::string_view text);

/// "12.5" in millionths: a plain decimal number with at most six decimals (P011, P012 if 0).
Value<std::int64_t> parse_quantity(std::string_view text);

/// "64G", "512MiB", "2T": powers of 1024, a unit is required (P010). More than 0.
Value<Bytes> parse_size(std::string_view text);

// --- Time ----------------------------------------------------------------------

/// "30m", "24h", "90d", "2h30m": d, h, m, s, largest first, each once; more than 0 (P012), at most
/// 100 years (P014).
Value<Span> parse_duration(std::string_view text);

/// What --time takes: a duration; a bare number of minutes; Slurm's "MM:SS", "HH:MM:SS", "D-HH",
/// "D-HH:MM", "D-HH:MM:SS". At most limits::time_limit_max.
Value<Span> parse_time_limit(std::string_view text);

/// "12m", "10y": months of the calendar (P014).
Value<int> parse_months(std::string_view text);

/// "2026-04-01": that day's midnight at the offset. Years 1900 to 2999 (P015).
Value<Moment> parse_day(std::string_view text, int utc_offset_minutes);

/// "2026-04-01T00:00:00+07:00" or "...Z"; an instant needs its offset (P015).
Value<Moment> parse_instant(std::string_view text);

/// A day as parse_day(), or an instant, with milliseconds too: "2026-04-01T01:00:00.123Z" (P015).
Value<Moment> parse_day_or_moment(std::string_view text, int utc_offset_minutes);

/// "+07:00" in minutes, -12:00 to +14:00 (P015).
Value<int> parse_offset(std::string_view text);

/// What --begin takes: an instant; a local "2026-04-01" or "2026-04-01T08:00[:00]"; "now+2h".
Value<Moment> parse_begin(std::string_view text, Moment now, int utc_offset_minutes);

// --- Words ----------------------------------------------------------------------

/// [a-z0-9-]{1,40} (P008).
Value<std::string> parse_identifier(std::string_view text);
/// [A-Za-z0-9._-]{1,64} (P008).
Value<std::string> parse_reference(std::string_view text);
/// 10 digits, or 10 digits, '-' and 3 digits (P009).
Value<std::string> parse_tax_code(std::string_view text);

struct GpuRequest {
    int count{0};
    GpuModel model;  ///< empty: any
    bool operator==(const GpuRequest&) const = default;
};
/// "8", "8:h100": GPUs of each node.
Value<GpuRequest> parse_gpus(std::string_view text);

struct Notice {
    int signal{0};
    int seconds{0};  ///< before the limit
    bool operator==(const Notice&) const = default;
};
/// "USR1@120", "SIGTERM", "10@60": a signal by name or number, and how long before the limit it
/// comes; 60 seconds if not said, as in Slurm.
Value<Notice> parse_signal(std::string_view text);

}  // namespace khu::config
