#include "wire/timestamp.h"

#include <fmt/format.h>

#include <chrono>

namespace khu::wire {
namespace {

/// Reads as many digits as `digits` says; -1 if they are not all there.
int take_number(std::string_view& text, std::size_t digits) {
    int number = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        if (text.empty() || text.front() < '0' || text.front() > '9') {
            return -1;
        }
        number = number * 10 + (text.front() - '0');
        text.remove_prefix(1);
    }
    return number;
}

bool take(std::string_view& text, char wanted) {
    const bool there = text.starts_with(wanted);
    text.remove_prefix(there ? 1 : 0);
    return there;
}

/// ".250" or nothing: milliseconds, 0 when there are none; none if it is something else.
std::optional<int> take_milliseconds(std::string_view& text) {
    if (!take(text, '.')) {
        return 0;
    }
    const int number = take_number(text, 3);
    return number < 0 ? std::nullopt : std::optional(number);
}

std::optional<Moment> moment_of(std::chrono::year_month_day day, Span within) {
    if (!day.ok()) {
        return std::nullopt;
    }
    const std::chrono::sys_days date = day;
    return Moment{0} + days(date.time_since_epoch().count()) + within;
}

}  // namespace

std::string format_timestamp(Moment at) {
    std::string text = format_utc(at);
    const std::int64_t ms = at.value % 1000;
    if (ms != 0) {
        text.insert(text.size() - 1, fmt::format(".{:03}", ms));
    }
    return text;
}

std::optional<Moment> parse_timestamp(std::string_view text) {
    const int year = take_number(text, 4);
    bool good = take(text, '-');
    const int month = take_number(text, 2);
    good = take(text, '-') && good;
    const int day = take_number(text, 2);
    good = take(text, 'T') && good;
    const int hour = take_number(text, 2);
    good = take(text, ':') && good;
    const int minute = take_number(text, 2);
    good = take(text, ':') && good;
    const int second = take_number(text, 2);
    const std::optional<int> ms = take_milliseconds(text);
    good = good && ms && text == "Z" && year >= 1970 && month >= 0 && day >= 0;
    good = good && hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0;
    if (!good || second >= 60) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    return moment_of(date, hours(hour) + minutes(minute) + seconds(second) + milliseconds(*ms));
}

}  // namespace khu::wire
