#pragma once

/// \file
/// A point in time as the API writes it: RFC 3339 in UTC, "2026-03-02T01:00:00Z", with
/// milliseconds ("...00.250Z") where they are not zero. The moment 0 stands for "there is none" and
/// is null. Only one spelling is read: digits, a capital T and Z, no offset; a caller's local time
/// is the caller's to convert. Stored facts and agents' messages hold a Moment, which is an
/// integer; whoever moves a struct from there to the API says so by this type.

#include <optional>
#include <string>
#include <string_view>

#include "core/base/units.h"
#include "wire/json_kinds.h"

namespace khu::wire {

struct Timestamp : Moment {
    constexpr Timestamp() = default;
    constexpr Timestamp(Moment at) : Moment(at) {}
};

/// `at` > 0.
std::string format_timestamp(Moment at);
/// None unless it is spelt as above and such a day and time exist (leap seconds do not).
std::optional<Moment> parse_timestamp(std::string_view text);

template <>
struct JsonForm<Timestamp> {
    using Form = std::optional<std::string>;
    static constexpr std::string_view wanted =
        "must be a time in UTC such as \"2026-03-02T01:00:00Z\"";
    static Form to(const Timestamp& at) {
        return at == Moment{0} ? Form{} : Form{format_timestamp(at)};
    }
    static std::optional<Timestamp> from(const Form& text) {
        return text ? std::optional<Timestamp>(parse_timestamp(*text)) : Timestamp{};
    }
};

}  // namespace khu::wire
