#include "cli/values.h"

#include <signal.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

namespace khu::cli {
namespace {

constexpr std::int64_t kMost = 9'000'000'000'000;  ///< keeps every product below in 63 bits

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> out;
    for (;;) {
        const std::size_t end = text.find(at);
        out.push_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            return out;
        }
        text.remove_prefix(end + 1);
    }
}

std::optional<std::int64_t> unit_seconds(char unit) {
    switch (unit) {
        case 's':
            return 1;
        case 'm':
            return 60;
        case 'h':
            return 3600;
        case 'd':
            return 86400;
    }
    return std::nullopt;
}

/// "2h30m": each unit once, large to small.
std::optional<Span> parse_units(std::string_view text) {
    std::int64_t total = 0;
    std::int64_t last_unit = 0;
    while (!text.empty()) {
        const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
        const auto number = parse_count(text.substr(0, digits));
        if (!number || digits == text.size()) {
            return std::nullopt;
        }
        const auto unit = unit_seconds(text[digits]);
        if (!unit || (last_unit != 0 && *unit >= last_unit) || *number > kMost / *unit / 1000) {
            return std::nullopt;
        }
        total += *number * *unit;
        last_unit = *unit;
        text.remove_prefix(digits + 1);
    }
    return last_unit == 0 ? std::nullopt : std::optional(seconds(total));
}

/// Slurm's "[D-]HH:MM:SS", "MM:SS", "D-HH", "D-HH:MM".
std::optional<Span> parse_slurm_time(std::string_view text) {
    std::int64_t total = 0;
    const std::size_t dash = text.find('-');
    if (dash != std::string_view::npos) {
        const auto whole_days = parse_count(text.substr(0, dash));
        if (!whole_days || *whole_days > 100'000) {
            return std::nullopt;
        }
        total = *whole_days * 86400;
        text.remove_prefix(dash + 1);
    }
    const std::vector<std::string_view> parts = split(text, ':');
    const bool has_days = dash != std::string_view::npos;
    if (parts.size() > 3 || (parts.size() < 2 && !has_days)) {
        return std::nullopt;
    }
    std::int64_t unit = has_days || parts.size() == 3 ? 3600 : 60;
    for (const std::string_view part : parts) {
        const auto number = parse_count(part);
        if (!number || *number > 1'000'000'000) {
            return std::nullopt;
        }
        total += *number * unit;
        unit /= 60;
    }
    return seconds(total);
}

constexpr std::array<std::pair<std::string_view, int>, 12> kSignals{{{"HUP", SIGHUP},
                                                                     {"INT", SIGINT},
                                                                     {"QUIT", SIGQUIT},
                                                                     {"KILL", SIGKILL},
                                                                     {"USR1", SIGUSR1},
                                                                     {"USR2", SIGUSR2},
                                                                     {"ALRM", SIGALRM},
                                                                     {"TERM", SIGTERM},
                                                                     {"CONT", SIGCONT},
                                                                     {"TSTP", SIGTSTP},
                                                                     {"URG", SIGURG},
                                                                     {"XCPU", SIGXCPU}}};

std::optional<int> signal_number(std::string_view text) {
    if (const auto number = parse_count(text)) {
        return *number >= 1 && *number <= 64 ? std::optional(static_cast<int>(*number))
                                             : std::nullopt;
    }
    if (text.starts_with("SIG")) {
        text.remove_prefix(3);
    }
    const auto* found = std::ranges::find(kSignals, text, &std::pair<std::string_view, int>::first);
    return found == kSignals.end() ? std::nullopt : std::optional(found->second);
}

/// Takes `count` digits and then `after` (0: nothing) off the front.
std::optional<int> take_digits(std::string_view& text, std::size_t count, char after) {
    const auto number = text.size() >= count ? parse_count(text.substr(0, count)) : std::nullopt;
    if (!number || (after != 0 && text.substr(count, 1) != std::string_view(&after, 1))) {
        return std::nullopt;
    }
    text.remove_prefix(count + (after != 0 ? 1 : 0));
    return static_cast<int>(*number);
}

/// "Z", "+07:00", "-0330"; empty: none is given.
std::optional<int> offset_minutes(std::string_view text) {
    if (text == "Z") {
        return 0;
    }
    const int sign = text.starts_with('-') ? -1 : 1;
    text.remove_prefix(1);
    const auto hour = take_digits(text, 2, 0);
    if (text.starts_with(':')) {
        text.remove_prefix(1);
    }
    const auto minute = take_digits(text, 2, 0);
    const bool good = hour && minute && text.empty() && *hour <= 14 && *minute < 60;
    return good ? std::optional(sign * (*hour * 60 + *minute)) : std::nullopt;
}

std::optional<Moment> moment_of(tm date, std::string_view zone) {
    const tm asked = date;
    if (zone.empty()) {
        date.tm_isdst = -1;
        const time_t local = ::mktime(&date);
        const bool same = date.tm_mday == asked.tm_mday && date.tm_mon == asked.tm_mon;
        return same ? std::optional(Moment{local * 1000}) : std::nullopt;
    }
    if (zone.front() != 'Z' && zone.front() != '+' && zone.front() != '-') {
        return std::nullopt;
    }
    const auto offset = offset_minutes(zone);
    const time_t utc = ::timegm(&date);
    if (!offset || date.tm_mday != asked.tm_mday || date.tm_mon != asked.tm_mon) {
        return std::nullopt;
    }
    return Moment{(utc - *offset * 60LL) * 1000};
}

/// "08:00" or "08:00:30" into the clock of `date`; the rest of the text stays.
bool take_clock(std::string_view& text, tm& date) {
    const auto hour = take_digits(text, 2, ':');
    const auto minute = take_digits(text, 2, 0);
    if (!hour || !minute || *hour > 23 || *minute > 59) {
        return false;
    }
    date.tm_hour = *hour;
    date.tm_min = *minute;
    date.tm_sec = 0;
    if (text.starts_with(':')) {
        text.remove_prefix(1);
        const auto second = take_digits(text, 2, 0);
        date.tm_sec = second.value_or(60);
    }
    return date.tm_sec < 60;
}

std::optional<Moment> next_clock(std::string_view text, Moment now) {
    const time_t whole = now.value / 1000;
    tm date{};
    ::localtime_r(&whole, &date);
    if (!take_clock(text, date) || !text.empty()) {
        return std::nullopt;
    }
    date.tm_isdst = -1;
    tm today = date;
    if (::mktime(&today) <= whole) {
        ++date.tm_mday;
    }
    return Moment{::mktime(&date) * 1000};
}

}  // namespace

std::optional<std::int64_t> parse_count(std::string_view text) {
    std::int64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, number);
    const bool digits = !text.empty() && text.front() != '-';
    return digits && error == std::errc{} && at == end ? std::optional(number) : std::nullopt;
}

std::optional<Span> parse_duration(std::string_view text) {
    return text.find_first_of(":-") == std::string_view::npos ? parse_units(text)
                                                              : parse_slurm_time(text);
}

std::optional<Bytes> parse_size(std::string_view text) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_count(text.substr(0, digits));
    const std::string_view unit = text.substr(digits);
    const std::size_t power = std::string_view("KMGT").find(unit.substr(0, 1));
    const std::string_view tail = unit.empty() ? unit : unit.substr(1);
    const bool known = !unit.empty() && power != std::string_view::npos &&
                       (tail.empty() || tail == "B" || tail == "iB");
    if (!number || !known || *number > (1LL << 52) >> (10 * power)) {
        return std::nullopt;
    }
    return Bytes{*number << (10 * (power + 1))};
}

std::optional<GpuWish> parse_gpus(std::string_view text) {
    const std::size_t colon = text.find(':');
    std::string_view count = text.substr(0, colon);
    std::string_view model = colon == std::string_view::npos ? "" : text.substr(colon + 1);
    if (!parse_count(count)) {
        std::swap(count, model);
    }
    const auto number = parse_count(count);
    if (!number || (colon != std::string_view::npos && model.empty())) {
        return std::nullopt;
    }
    return GpuWish{*number, std::string(model)};
}

std::optional<SignalWish> parse_signal(std::string_view text) {
    const std::size_t at = text.find('@');
    const auto number = signal_number(text.substr(0, at));
    const auto before = at == std::string_view::npos ? std::optional<std::int64_t>(60)
                                                     : parse_count(text.substr(at + 1));
    if (!number || !before) {
        return std::nullopt;
    }
    return SignalWish{*number, *before};
}

std::optional<Atoms> parse_gpu_hours(std::string_view text) {
    for (const std::string_view unit : {" GPUh", "GPUh", "h"}) {
        if (text.ends_with(unit)) {
            text.remove_suffix(unit.size());
            break;
        }
    }
    const std::size_t point = text.find('.');
    const auto whole = parse_count(text.substr(0, point));
    std::string decimals(point == std::string_view::npos ? "0" : text.substr(point + 1));
    const bool short_enough = !decimals.empty() && decimals.size() <= 6;
    decimals.resize(6, '0');
    const auto millionths = parse_count(decimals);
    if (!whole || !millionths || !short_enough || *whole > 2'000'000'000) {
        return std::nullopt;
    }
    return Atoms{*whole * kGpuHour.value + *millionths * (kGpuHour.value / 1'000'000)};
}

std::optional<Moment> parse_moment(std::string_view text, Moment now) {
    if (text.starts_with("now")) {
        const auto later = text.starts_with("now+") ? parse_duration(text.substr(4)) : std::nullopt;
        return text == "now" ? std::optional(now)
               : later       ? std::optional(now + *later)
                             : std::nullopt;
    }
    if (text.find('-') == std::string_view::npos || text.find('-') > 4) {
        return next_clock(text, now);
    }
    const auto year = take_digits(text, 4, '-');
    const auto month = take_digits(text, 2, '-');
    const auto day = take_digits(text, 2, 0);
    if (!year || !month || !day || *year < 1970 || *month < 1 || *day < 1) {
        return std::nullopt;
    }
    tm date{};
    date.tm_year = *year - 1900;
    date.tm_mon = *month - 1;
    date.tm_mday = *day;
    if (text.starts_with('T') || text.starts_with(' ')) {
        text.remove_prefix(1);
        if (!take_clock(text, date)) {
            return std::nullopt;
        }
    }
    return moment_of(date, text);
}

}  // namespace khu::cli
