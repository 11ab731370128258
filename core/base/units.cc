#include "core/base/units.h"

#include <array>
#include <string_view>
#include <utility>

namespace khu {
namespace {

struct Date {
    std::int64_t year;
    int month;
    int day;
};

/// Civil date of a day number since 1970-01-01. Source: H. Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms" (public domain description).
Date civil_from_days(std::int64_t z) {
    z += 719468;
    const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    const std::int64_t doe = z - era * 146097;
    const std::int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const std::int64_t mp = (5 * doy + 2) / 153;
    const int day = static_cast<int>(doy - (153 * mp + 2) / 5 + 1);
    const int month = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
    return {yoe + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

std::string format_clock(Moment at, std::string_view suffix) {
    constexpr std::int64_t day_ms = 86'400'000;
    const std::int64_t day =
        at.value >= 0 ? at.value / day_ms : -((-at.value + day_ms - 1) / day_ms);
    const std::int64_t s = (at.value - day * day_ms) / 1000;
    const Date date = civil_from_days(day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}", date.year, date.month, date.day,
                       s / 3600, s / 60 % 60, s % 60, suffix);
}

}  // namespace

std::string format_gpu_hours(Atoms amount) {
    // A GPU-hour is 3600 x 1e6 atoms, so the sixth decimal is 3600 atoms.
    const bool negative = amount.value < 0;
    const auto magnitude = negative ? 0 - static_cast<std::uint64_t>(amount.value)
                                    : static_cast<std::uint64_t>(amount.value);
    std::uint64_t millionths = magnitude / 3600;
    const std::uint64_t rest = magnitude % 3600;
    if (rest > 1800 || (rest == 1800 && millionths % 2 == 1)) {
        ++millionths;
    }
    return fmt::format("{}{}.{:06}", negative ? "-" : "", millionths / 1'000'000,
                       millionths % 1'000'000);
}

/// Never more than there is: what is left over after the third decimal is cut off.
std::string format_gpu_hours_short(Atoms amount) {
    constexpr std::int64_t thousandth = 3'600'000, hour = 1'000 * thousandth;
    if (amount.value != 0 && amount.value < hour / 10) {
        return format_gpu_hours(amount) + " GPU-hours";
    }
    std::string decimals = fmt::format("{:03}", amount.value % hour / thousandth);
    while (decimals.size() > 1 && decimals.back() == '0') {
        decimals.pop_back();
    }
    return fmt::format("{}.{} GPU-hours", amount.value / hour, decimals);
}

std::string format_span(Span span) {
    if (span.value < 0) {
        return "-" + format_span(-span);
    }
    if (span.value < 1000) {
        return span.value == 0 ? "0s" : fmt::format("{}ms", span.value);
    }
    constexpr std::array<std::pair<std::int64_t, std::string_view>, 4> parts{
        {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}}};
    std::int64_t left = span.value / 1000;
    std::string text;
    for (const auto& [size, name] : parts) {
        if (left >= size) {
            text += fmt::format("{}{}", left / size, name);
            left %= size;
        }
    }
    return text;
}

std::string format_dong(Mvnd amount) {
    const bool below = amount.value < 0;
    const std::int64_t whole = amount.value / 1000 * (below ? -1 : 1);
    const std::int64_t rest = amount.value % 1000 * (below ? -1 : 1);
    std::string digits = std::to_string(whole);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
        digits.insert(static_cast<std::size_t>(at), ",");
    }
    return (below ? "-" : "") + digits + (rest == 0 ? "" : fmt::format(".{:03}", rest)) + " đ";
}

std::string format_utc(Moment at) {
    return format_clock(at, "Z");
}

std::string format_local(Moment at, int utc_offset_minutes) {
    const int magnitude = utc_offset_minutes < 0 ? -utc_offset_minutes : utc_offset_minutes;
    const std::string suffix = fmt::format("{}{:02}:{:02}", utc_offset_minutes < 0 ? '-' : '+',
                                           magnitude / 60, magnitude % 60);
    return format_clock(at + minutes(utc_offset_minutes), suffix);
}

std::string format_local_day(Moment at, int utc_offset_minutes) {
    const bool midnight = (at + minutes(utc_offset_minutes)).value % days(1).value == 0;
    return format_local(at, utc_offset_minutes).substr(0, midnight ? 10 : std::string::npos);
}

std::string format_bytes(Bytes bytes) {
    constexpr std::array<std::string_view, 5> names{"B", "KiB", "MiB", "GiB", "TiB"};
    std::int64_t n = bytes.value;
    std::size_t unit = 0;
    while (unit + 1 < names.size() && n >= 1024 && n % 1024 == 0) {
        n /= 1024;
        ++unit;
    }
    return fmt::format("{} {}", n, names[unit]);
}

}  // namespace khu
