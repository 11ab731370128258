#pragma once

/// \file
/// The units of Khu, a type each, all 64-bit integers. Adding two of different units does not
/// compile; adding past the range breaks a claim instead of wrapping.
///
///     Moment   milliseconds since 1970-01-01T00:00:00Z, on khud's clock
///     Span     milliseconds
///     Atoms    1 ugs = 1e-6 reference-GPU-second; one GPU-hour = 3,600,000,000
///     Mvnd     1/1000 dong
///     Bytes    bytes
///
/// Why these atoms: weight (thousandths) x seconds x factor (per mille) is already in ugs, so that
/// metering never rounds.

#include <compare>
#include <cstdint>
#include <string>

#include "core/base/check.h"

namespace khu {

template <class Unit>
struct Quantity {
    std::int64_t value{0};

    constexpr Quantity() = default;
    constexpr explicit Quantity(std::int64_t v) : value(v) {}
    constexpr auto operator<=>(const Quantity&) const = default;

    friend constexpr Quantity operator+(Quantity a, Quantity b) {
        std::int64_t sum{};
        const bool overflow = __builtin_add_overflow(a.value, b.value, &sum);
        KHU_CHECK(!overflow, "{} + {}", a.value, b.value);
        return Quantity{sum};
    }
    friend constexpr Quantity operator-(Quantity a, Quantity b) {
        std::int64_t difference{};
        const bool overflow = __builtin_sub_overflow(a.value, b.value, &difference);
        KHU_CHECK(!overflow, "{} - {}", a.value, b.value);
        return Quantity{difference};
    }
    friend constexpr Quantity operator*(Quantity a, std::int64_t times) {
        std::int64_t product{};
        const bool overflow = __builtin_mul_overflow(a.value, times, &product);
        KHU_CHECK(!overflow, "{} * {}", a.value, times);
        return Quantity{product};
    }
    constexpr Quantity& operator+=(Quantity b) { return *this = *this + b; }
    constexpr Quantity& operator-=(Quantity b) { return *this = *this - b; }
    constexpr Quantity operator-() const { return Quantity{0} - *this; }
};

using Span = Quantity<struct SpanUnit>;
using Atoms = Quantity<struct AtomsUnit>;
using Mvnd = Quantity<struct MvndUnit>;
using Bytes = Quantity<struct BytesUnit>;

/// A point in time. Only a Span may be added to it; two of them differ by a Span.
struct Moment {
    std::int64_t value{0};

    constexpr Moment() = default;
    constexpr explicit Moment(std::int64_t ms) : value(ms) {}
    constexpr auto operator<=>(const Moment&) const = default;
    friend constexpr Moment operator+(Moment a, Span b) {
        return Moment{(Span{a.value} + b).value};
    }
    friend constexpr Moment operator-(Moment a, Span b) {
        return Moment{(Span{a.value} - b).value};
    }
    friend constexpr Span operator-(Moment a, Moment b) { return Span{a.value} - Span{b.value}; }
};

/// Later than every moment that occurs (year 9999), and still printable.
inline constexpr Moment kNever{253'402'300'799'000};

constexpr Span milliseconds(std::int64_t n) {
    return Span{n};
}
constexpr Span seconds(std::int64_t n) {
    return Span{1000} * n;
}
constexpr Span minutes(std::int64_t n) {
    return seconds(60) * n;
}
constexpr Span hours(std::int64_t n) {
    return minutes(60) * n;
}
constexpr Span days(std::int64_t n) {
    return hours(24) * n;
}
inline constexpr Atoms kGpuHour{3'600'000'000};
constexpr Atoms gpu_hours(std::int64_t n) {
    return kGpuHour * n;
}
constexpr Bytes gibibytes(std::int64_t n) {
    return Bytes{1024LL * 1024 * 1024} * n;
}

/// Whole seconds, rounded up: the unit in which time is charged. `span` >= 0.
constexpr std::int64_t whole_seconds_up(Span span) {
    return (span.value + 999) / 1000;
}

/// "4419.200000": GPU-hours with six decimals, rounded half to even. For display only.
std::string format_gpu_hours(Atoms amount);
/// "64.0 GPU-hours", "1999.977 GPU-hours": cut off after three decimals; six below 0.1. For people.
std::string format_gpu_hours_short(Atoms amount);
/// "2h30m", "45s", "3d4h", "250ms".
std::string format_span(Span span);
/// "1,615,680 đ"; with three decimals where it is no whole dong.
std::string format_dong(Mvnd amount);
/// RFC 3339 in UTC with whole seconds: "2026-03-02T01:00:00Z".
std::string format_utc(Moment at);
/// RFC 3339 at a fixed offset in minutes: "2026-03-02T08:00:00+07:00".
std::string format_local(Moment at, int utc_offset_minutes);
/// The same, but the day alone where it is a local midnight: "2026-03-02".
std::string format_local_day(Moment at, int utc_offset_minutes);
/// "64 GiB", "512 MiB", "17 B".
std::string format_bytes(Bytes bytes);

}  // namespace khu
