#include "config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace khu::config {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool all_digits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

Unexpected<BadValue> bad(std::string code, std::string en, std::string vi, std::size_t offset = 0) {
    return {BadValue{std::move(code), std::move(en), std::move(vi), offset}};
}

/// Text for a message, short enough for a line.
std::string quote(std::string_view text) {
    constexpr std::size_t shown_max = 60;
    return fmt::format("'{}{}'", text.substr(0, shown_max), text.size() > shown_max ? "..." : "");
}

Unexpected<BadValue> bad_number(std::string_view text, std::size_t offset = 0) {
    return bad("P011", fmt::format("{}: a plain decimal integer is expected", quote(text)),
               fmt::format("{}: cần một số nguyên thập phân thuần", quote(text)), offset);
}

/// Digits without a leading zero, within 63 bits; none otherwise.
std::optional<std::int64_t> digits(std::string_view text) {
    if (!all_digits(text) || (text.size() > 1 && text[0] == '0')) {
        return std::nullopt;
    }
    std::int64_t value = 0;
    for (const char c : text) {
        if (__builtin_mul_overflow(value, std::int64_t{10}, &value) ||
            __builtin_add_overflow(value, static_cast<std::int64_t>(c - '0'), &value)) {
            return std::nullopt;
        }
    }
    return value;
}

/// "NUMBER UNIT" scaled to atoms of the unit.
Value<std::int64_t> parse_amount(std::string_view text, std::string_view unit, std::int64_t scale,
                                 bool zero_too) {
    const std::size_t space = text.find(' ');
    const std::string_view number = text.substr(0, space);
    if (space == std::string_view::npos || text.substr(space + 1) != unit) {
        return bad("P010", fmt::format("{}: unit required, as in \"500 {}\"", quote(text), unit),
                   fmt::format("{}: cần đơn vị, ví dụ \"500 {}\"", quote(text), unit),
                   std::min(space, text.size()));
    }
    const bool negative = number.size() > 1 && number[0] == '-' && digits(number.substr(1));
    const std::optional<std::int64_t> value = negative ? 0 : digits(number);
    std::int64_t scaled = 0;
    if (!value || __builtin_mul_overflow(*value, scale, &scaled)) {
        return bad_number(number);
    }
    if (negative || (scaled == 0 && !zero_too)) {
        return bad("P012", fmt::format("{}: must be more than 0", quote(text)),
                   fmt::format("{}: phải lớn hơn 0", quote(text)));
    }
    return scaled;
}

}  // namespace

Value<std::int64_t> parse_whole(std::string_view text, std::int64_t low, std::int64_t high) {
    const std::optional<std::int64_t> value = digits(text);
    if (!value) {
        return bad_number(text);
    }
    if (*value == 0 && low > 0) {
        return bad("P012", "must be more than 0", "phải lớn hơn 0");
    }
    if (*value < low || *value > high) {
        return bad("P011", fmt::format("{} is out of range, {} to {}", *value, low, high),
                   fmt::format("{} ngoài phạm vi, {} đến {}", *value, low, high));
    }
    return *value;
}

Value<int> parse_percent(std::string_view text, int permille_max) {
    const auto refused = [&] {
        return bad(
            "P013",
            fmt::format("{}: a percentage \"0%\" to \"{}%\" is expected, one decimal at most",
                        quote(text), permille_max / 10),
            fmt::format("{}: cần tỷ lệ \"0%\" đến \"{}%\", nhiều nhất một chữ số thập phân",
                        quote(text), permille_max / 10));
    };
    if (text.empty() || text.back() != '%') {
        return refused();
    }
    const std::string_view number = text.substr(0, text.size() - 1);
    const std::size_t dot = number.find('.');
    const std::optional<std::int64_t> whole = digits(number.substr(0, dot));
    std::int64_t tenths = 0;
    if (dot != std::string_view::npos) {
        const std::string_view decimals = number.substr(dot + 1);
        if (decimals.size() != 1 || !is_digit(decimals[0])) {
            return refused();
        }
        tenths = decimals[0] - '0';
    }
    if (!whole || *whole > 1000 || *whole * 10 + tenths > permille_max) {
        return refused();
    }
    return static_cast<int>(*whole * 10 + tenths);
}

Value<Atoms> parse_gpu_hours(std::string_view text, bool zero_too) {
    const Value<std::int64_t> atoms = parse_amount(text, "GPUh", kGpuHour.value, zero_too);
    if (!atoms) {
        return Unexpected{atoms.error()};
    }
    return Atoms{*atoms};
}

Value<Atoms> parse_granted(std::string_view text) {
    if (text.ends_with(" ugs")) {
        const Value<std::int64_t> atoms = parse_amount(text, "ugs", 1, false);
        return atoms ? Value<Atoms>(Atoms{*atoms}) : Unexpected{atoms.error()};
    }
    const bool is_short = text.ends_with('h') && !text.ends_with("GPUh");
    return is_short ? parse_gpu_hours(std::string(text.substr(0, text.size() - 1)) + " GPUh", false)
                    : parse_gpu_hours(text, false);
}

Value<Mvnd> parse_dong(std::string_view text, bool zero_too) {
    const Value<std::int64_t> mvnd = parse_amount(text, "VND", 1000, zero_too);
    if (!mvnd) {
        return Unexpected{mvnd.error()};
    }
    return Mvnd{*mvnd};
}

Value<std::int64_t> parse_rate(std::string_view text) {
    // Bounded so that atoms x rate x 1000 stays far inside 128 bits.
    constexpr std::int64_t rate_max = 1'000'000'000'000;
    const Value<std::int64_t> rate = parse_amount(text, "VND/GPUh", 1, false);
    if (rate && *rate > rate_max) {
        return bad_number(text);
    }
    return rate;
}

Value<std::int64_t> parse_quantity(std::string_view text) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    const std::string_view decimals = text.substr(std::min(dot + 1, text.size()));
    const bool shaped = dot == text.size() ? true : !decimals.empty() && decimals.size() <= 6;
    const std::optional<std::int64_t> whole = digits(text.substr(0, dot));
    std::int64_t micro = 0;
    for (std::size_t i = 0; i < 6; ++i) {
        const char c = i < decimals.size() ? decimals[i] : '0';
        micro = is_digit(c) && micro >= 0 ? micro * 10 + (c - '0') : -1;
    }
    std::int64_t all = 0;
    const bool read = shaped && whole && micro >= 0 &&
                      !__builtin_mul_overflow(*whole, std::int64_t{1'000'000}, &all) &&
                      !__builtin_add_overflow(all, micro, &all);
    if (!read) {
        return bad_number(text);
    }
    return all > 0 ? Value<std::int64_t>(all)
                   : bad("P012", fmt::format("{}: must be more than 0", quote(text)),
                         fmt::format("{}: phải lớn hơn 0", quote(text)));
}

Value<Bytes> parse_size(std::string_view text) {
    std::size_t end = 0;
    while (end < text.size() && is_digit(text[end])) {
        ++end;
    }
    const std::optional<std::int64_t> number = digits(text.substr(0, end));
    if (!number) {
        return bad_number(text);
    }
    constexpr std::string_view letters = "KMGT";
    const std::string_view unit = text.substr(end);
    const char letter =
        unit.empty() ? ' ' : (unit[0] >= 'a' ? static_cast<char>(unit[0] - 32) : unit[0]);
    const std::size_t power = letters.find(letter);
    const std::string_view rest = unit.substr(unit.empty() ? 0 : 1);
    if (power == std::string_view::npos || !(rest.empty() || rest == "B" || rest == "iB")) {
        return bad("P010",
                   fmt::format("{}: a unit K, M, G or T is required, as in 64G", quote(text)),
                   fmt::format("{}: cần đơn vị K, M, G hoặc T, ví dụ 64G", quote(text)), end);
    }
    std::int64_t bytes = 0;
    if (__builtin_mul_overflow(*number, std::int64_t{1} << (10 * (power + 1)), &bytes)) {
        return bad("P011", fmt::format("{} is too large", quote(text)),
                   fmt::format("{} quá lớn", quote(text)));
    }
    if (bytes == 0) {
        return bad("P012", "must be more than 0", "phải lớn hơn 0");
    }
    return Bytes{bytes};
}

Value<std::string> parse_identifier(std::string_view text) {
    const bool fits =
        !text.empty() && text.size() <= 40 && std::all_of(text.begin(), text.end(), [](char c) {
            return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-';
        });
    if (!fits) {
        return bad("P008", fmt::format("{}: bad identifier, 1 to 40 of a-z 0-9 -", quote(text)),
                   fmt::format("{}: định danh sai, cần 1 đến 40 ký tự a-z 0-9 -", quote(text)));
    }
    return std::string(text);
}

Value<std::string> parse_reference(std::string_view text) {
    const bool fits =
        !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
            return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
                   c == '_' || c == '-';
        });
    if (!fits) {
        return bad(
            "P008", fmt::format("{}: bad identifier, 1 to 64 of A-Z a-z 0-9 . _ -", quote(text)),
            fmt::format("{}: định danh sai, cần 1 đến 64 ký tự A-Z a-z 0-9 . _ -", quote(text)));
    }
    return std::string(text);
}

Value<std::string> parse_tax_code(std::string_view text) {
    const bool branch = text.size() == 14 && text[10] == '-' && all_digits(text.substr(11));
    if (!(text.size() == 10 || branch) || !all_digits(text.substr(0, 10))) {
        return bad("P009", fmt::format("{}: a tax code has 10 digits, or 10-3", quote(text)),
                   fmt::format("{}: mã số thuế có 10 chữ số, hoặc 10-3", quote(text)));
    }
    return std::string(text);
}

Value<GpuRequest> parse_gpus(std::string_view text) {
    const std::size_t colon = text.find(':');
    const Value<std::int64_t> count =
        parse_whole(text.substr(0, colon), 0, std::numeric_limits<int>::max());
    if (!count) {
        return Unexpected{count.error()};
    }
    GpuRequest request{.count = static_cast<int>(*count), .model = {}};
    if (colon != std::string_view::npos) {
        // NVIDIA writes a MIG profile with a dot: "h100-1g.10gb".
        std::string name(text.substr(colon + 1));
        std::ranges::replace_if(name, [](char c) { return c == '.' || c == '+'; }, '-');
        const Value<std::string> model = parse_identifier(name);
        if (!model) {
            return Unexpected{model.error()};
        }
        request.model = GpuModel(*model);
    }
    return request;
}

Value<Notice> parse_signal(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, int>, 12> names{{{"HUP", 1},
                                                                      {"INT", 2},
                                                                      {"QUIT", 3},
                                                                      {"ABRT", 6},
                                                                      {"KILL", 9},
                                                                      {"USR1", 10},
                                                                      {"USR2", 12},
                                                                      {"ALRM", 14},
                                                                      {"TERM", 15},
                                                                      {"CONT", 18},
                                                                      {"URG", 23},
                                                                      {"WINCH", 28}}};
    const std::size_t at = text.find('@');
    std::string_view name = text.substr(0, at);
    name = name.substr(name.substr(0, 3) == "SIG" ? 3 : 0);
    Notice notice{.signal = 0, .seconds = 60};
    for (const auto& [known, number] : names) {
        notice.signal = known == name ? number : notice.signal;
    }
    const std::optional<std::int64_t> number = digits(name);
    if (number && *number >= 1 && *number <= 64) {
        notice.signal = static_cast<int>(*number);
    }
    if (notice.signal == 0) {
        return bad("P018", fmt::format("{} is not a signal; write USR1@120", quote(text)),
                   fmt::format("{} không phải tín hiệu; ví dụ USR1@120", quote(text)));
    }
    if (at != std::string_view::npos) {
        const Value<std::int64_t> seconds = parse_whole(text.substr(at + 1), 1, 65'535);
        if (!seconds) {
            return Unexpected{seconds.error()};
        }
        notice.seconds = static_cast<int>(*seconds);
    }
    return notice;
}

}  // namespace khu::config
