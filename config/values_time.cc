// Durations, time limits, days and instants.
#include <fmt/format.h>

#include <array>
#include <optional>
#include <vector>

#include "config/values.h"
#include "core/base/limits.h"

namespace khu::config {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Exactly `text.size()` digits, leading zeros allowed; at most nine.
std::optional<int> fixed(std::string_view text) {
    if (text.empty() || text.size() > 9) {
        return std::nullopt;
    }
    int value = 0;
    for (const char c : text) {
        if (!is_digit(c)) {
            return std::nullopt;
        }
        value = value * 10 + (c - '0');
    }
    return value;
}

std::string quote(std::string_view text) {
    return fmt::format("'{}'", text.substr(0, 60));
}

Unexpected<BadValue> bad_duration(std::string_view text, std::size_t offset) {
    return {BadValue{
        "P014", fmt::format("{}: a duration like 30m, 24h, 90d or 2h30m is expected", quote(text)),
        fmt::format("{}: cần thời lượng như 30m, 24h, 90d hoặc 2h30m", quote(text)), offset}};
}
Unexpected<BadValue> not_positive() {
    return {BadValue{"P012", "must be more than 0", "phải lớn hơn 0", 0}};
}
Unexpected<BadValue> too_long(std::string_view text, Span most) {
    return {BadValue{"P014", fmt::format("{} is longer than {}", quote(text), format_span(most)),
                     fmt::format("{} dài hơn {}", quote(text), format_span(most)), 0}};
}
Unexpected<BadValue> bad_day(std::string_view text) {
    return {BadValue{"P015", fmt::format("{}: a day like 2026-04-01 is expected", quote(text)),
                     fmt::format("{}: cần ngày dạng 2026-04-01", quote(text)), 0}};
}
Unexpected<BadValue> bad_instant(std::string_view text) {
    return {BadValue{
        "P015",
        fmt::format("{}: an instant with its offset is expected, 2026-04-01T00:00:00+07:00",
                    quote(text)),
        fmt::format("{}: cần thời điểm kèm múi giờ, 2026-04-01T00:00:00+07:00", quote(text)), 0}};
}

/// Days since 1970-01-01 of a civil date. Source: H. Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms" (public domain description).
std::int64_t days_from_civil(int y, int m, int d) {
    y -= m <= 2 ? 1 : 0;
    const std::int64_t era = y / 400;
    const std::int64_t yoe = y - era * 400;
    const std::int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    const std::int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146'097 + doe - 719'468;
}

/// Day number of "2026-04-01"; none if there is no such day or its year is outside 1900 to 2999.
std::optional<std::int64_t> day_number(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') {
        return std::nullopt;
    }
    const std::optional<int> y = fixed(text.substr(0, 4));
    const std::optional<int> m = fixed(text.substr(5, 2));
    const std::optional<int> d = fixed(text.substr(8, 2));
    if (!y || !m || !d || *y < 1900 || *y > 2999 || *m < 1 || *m > 12 || *d < 1) {
        return std::nullopt;
    }
    constexpr std::array<int, 12> lengths{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (*y % 4 == 0 && *y % 100 != 0) || *y % 400 == 0;
    if (*d > lengths[static_cast<std::size_t>(*m - 1)] + (*m == 2 && leap ? 1 : 0)) {
        return std::nullopt;
    }
    return days_from_civil(*y, *m, *d);
}

/// "08:00" or "08:00:30" since midnight.
std::optional<Span> time_of_day(std::string_view text) {
    if ((text.size() != 5 && text.size() != 8) || text[2] != ':' ||
        (text.size() == 8 && text[5] != ':')) {
        return std::nullopt;
    }
    const std::optional<int> h = fixed(text.substr(0, 2));
    const std::optional<int> m = fixed(text.substr(3, 2));
    const std::optional<int> s = text.size() == 8 ? fixed(text.substr(6, 2)) : std::optional(0);
    if (!h || !m || !s || *h > 23 || *m > 59 || *s > 59) {
        return std::nullopt;
    }
    return hours(*h) + minutes(*m) + seconds(*s);
}

/// The fields of Slurm's "D-HH:MM:SS" and its shorter forms, in seconds; none if it is no such
/// form.
std::optional<std::int64_t> slurm_seconds(std::string_view text) {
    const std::size_t dash = text.find('-');
    const bool has_days = dash != std::string_view::npos;
    std::vector<std::int64_t> fields;
    std::string_view rest = text.substr(has_days ? dash + 1 : 0);
    while (true) {
        const std::size_t colon = rest.find(':');
        const std::optional<int> field = fixed(rest.substr(0, colon));
        if (!field || fields.size() == 3) {
            return std::nullopt;
        }
        fields.push_back(*field);
        if (colon == std::string_view::npos) {
            break;
        }
        rest = rest.substr(colon + 1);
    }
    if (has_days) {
        const std::optional<int> day_count = fixed(text.substr(0, dash));
        fields.resize(3);
        return day_count ? std::optional(*day_count * std::int64_t{86'400} + fields[0] * 3600 +
                                         fields[1] * 60 + fields[2])
                         : std::nullopt;
    }
    switch (fields.size()) {
        case 1:
            return fields[0] * 60;
        case 2:
            return fields[0] * 60 + fields[1];
        default:
            return fields[0] * 3600 + fields[1] * 60 + fields[2];
    }
}

}  // namespace

Value<Span> parse_duration(std::string_view text) {
    constexpr std::array<std::pair<char, std::int64_t>, 4> units{
        {{'d', 86'400}, {'h', 3'600}, {'m', 60}, {'s', 1}}};
    constexpr Span most = days(36'600);
    std::int64_t total = 0;
    std::size_t next_unit = 0;
    std::size_t at = 0;
    while (at < text.size()) {
        std::size_t end = at;
        while (end < text.size() && is_digit(text[end])) {
            ++end;
        }
        const std::string_view number = text.substr(at, end - at);
        const std::optional<int> count = fixed(number);
        if (number.size() > 9) {
            return too_long(text, most);
        }
        while (end < text.size() && next_unit < units.size() &&
               units[next_unit].first != text[end]) {
            ++next_unit;
        }
        const bool padded = number.size() > 1 && number[0] == '0';
        if (!count || padded || end == text.size() || next_unit == units.size()) {
            return bad_duration(text, at);
        }
        total += *count * units[next_unit].second;
        ++next_unit;
        at = end + 1;
    }
    if (text.empty()) {
        return bad_duration(text, 0);
    }
    if (total > most.value / 1000) {
        return too_long(text, most);
    }
    return total == 0 ? Value<Span>(not_positive()) : Value<Span>(seconds(total));
}

Value<Span> parse_time_limit(std::string_view text) {
    const bool with_unit = !text.empty() && !is_digit(text.back());
    const std::optional<std::int64_t> slurm = with_unit ? std::nullopt : slurm_seconds(text);
    if (!with_unit && !slurm) {
        return bad_duration(text, 0);
    }
    const Value<Span> span = with_unit ? parse_duration(text) : Value<Span>(seconds(*slurm));
    if (!span) {
        return span;
    }
    if (*span == Span{}) {
        return not_positive();
    }
    return *span > limits::time_limit_max ? too_long(text, limits::time_limit_max) : span;
}

Value<int> parse_months(std::string_view text) {
    const std::optional<int> count =
        text.empty() ? std::nullopt : fixed(text.substr(0, text.size() - 1));
    const bool padded = text.size() > 2 && text[0] == '0';
    if (!count || padded || *count > 10'000 || (text.back() != 'm' && text.back() != 'y')) {
        return Unexpected{BadValue{
            "P014", fmt::format("{}: months or years like 12m, 10y are expected", quote(text)),
            fmt::format("{}: cần số tháng hoặc năm như 12m, 10y", quote(text)), 0}};
    }
    return *count == 0 ? Value<int>(not_positive())
                       : Value<int>(*count * (text.back() == 'y' ? 12 : 1));
}

Value<Moment> parse_day(std::string_view text, int utc_offset_minutes) {
    const std::optional<std::int64_t> day = day_number(text);
    if (!day) {
        return bad_day(text);
    }
    return Moment{} + days(*day) - minutes(utc_offset_minutes);
}

Value<int> parse_offset(std::string_view text) {
    const bool shape = text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':';
    const std::optional<int> h = shape ? fixed(text.substr(1, 2)) : std::nullopt;
    const std::optional<int> m = shape ? fixed(text.substr(4, 2)) : std::nullopt;
    const int total = h && m ? *h * 60 + *m : 24 * 60;
    const int signed_total = shape && text[0] == '-' ? -total : total;
    if (!h || !m || *m > 59 || signed_total < -12 * 60 || signed_total > 14 * 60) {
        return Unexpected{
            BadValue{"P015", fmt::format("{}: an offset like +07:00 is expected", quote(text)),
                     fmt::format("{}: cần múi giờ dạng +07:00", quote(text)), 0}};
    }
    return signed_total;
}

Value<Moment> parse_instant(std::string_view text) {
    const bool zulu = !text.empty() && text.back() == 'Z';
    const std::size_t size = 19 + (zulu ? 1 : 6);
    if (text.size() != size || text[10] != 'T') {
        return bad_instant(text);
    }
    const std::optional<std::int64_t> day = day_number(text.substr(0, 10));
    const std::optional<Span> time = time_of_day(text.substr(11, 8));
    const Value<int> offset = zulu ? Value<int>(0) : parse_offset(text.substr(19));
    if (!day || !time || !offset) {
        return bad_instant(text);
    }
    return Moment{} + days(*day) + *time - minutes(*offset);
}

Value<Moment> parse_day_or_moment(std::string_view text, int utc_offset_minutes) {
    if (text.find('T') == std::string_view::npos) {
        return parse_day(text, utc_offset_minutes);
    }
    const bool fine = text.size() == 24 && text[19] == '.' && text.back() == 'Z';
    if (!fine) {
        return parse_instant(text);
    }
    const Value<Moment> second = parse_instant(std::string(text.substr(0, 19)) + "Z");
    std::int64_t ms = 0;
    for (const char c : text.substr(20, 3)) {
        ms = ms < 0 || c < '0' || c > '9' ? -1 : ms * 10 + (c - '0');
    }
    return second && ms >= 0 ? Value<Moment>(*second + milliseconds(ms)) : parse_instant(text);
}

Value<Moment> parse_begin(std::string_view text, Moment now, int utc_offset_minutes) {
    if (text == "now") {
        return now;
    }
    if (text.substr(0, 4) == "now+") {
        const Value<Span> span = parse_duration(text.substr(4));
        return span ? Value<Moment>(now + *span) : Value<Moment>(Unexpected{span.error()});
    }
    const std::optional<std::int64_t> day = day_number(text.substr(0, 10));
    const std::optional<Span> time = text.size() == 10 ? std::optional(Span{})
                                     : text.size() > 11 && (text[10] == 'T' || text[10] == ' ')
                                         ? time_of_day(text.substr(11))
                                         : std::nullopt;
    if (day && time) {
        return Moment{} + days(*day) + *time - minutes(utc_offset_minutes);
    }
    return parse_instant(text);
}

}  // namespace khu::config
