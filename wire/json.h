#pragma once

/// \file
/// JSON of every described struct, by reflection: the one codec of the API, the agents' messages
/// and the stored facts. A struct is described once (core/base/describe.h); nothing else is
/// written.
///
///     described struct           {"member_name": ...}, every member, in the order described
///     described enumeration      "node_fail" for NodeFail
///     Quantity, Moment, Number   a whole number in their own unit; the API's times are strings
///                                (wire/timestamp.h)
///     Name, std::string          a string; bytes that are not UTF-8 become U+FFFD when written
///     std::optional, *_ptr, Boxed  null or the value
///     vector, set, array, pair   an array
///     map                        an object if the key is a string, Name, number or enumeration;
///                                else an array of [key, value]
///     variant of described       {"job_placed": {...}} for JobPlaced; std::monostate is null
///     variant of plain values    the value itself, when their JSON kinds differ (a Datum)
///     Code                       its name in codes.def
///     another type               specialise JsonForm
///
/// Reading: a missing key keeps the member's default value, so a member may be added to a struct
/// and old texts still read; whether it may be left out is for the caller to say after reading.
/// Unknown keys are ignored (facts, messages) or refused (what people write). The last of equal
/// keys counts. Numbers are range-checked, 1e3 and 1.0 are not whole numbers, null stands only
/// for optionals, nesting ends at 32.
///
/// This header includes no Boost.JSON, because many files include it; who uses boost::json::value
/// includes <boost/json/value.hpp>.

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "wire/json_members.h"

namespace khu::wire {

/// Appends `value` as JSON, on one line without spaces.
template <class T>
void append_json(std::string& out, const T& value) {
    detail::write(out, value);
}

template <class T>
std::string to_json_text(const T& value) {
    std::string out;
    detail::write(out, value);
    return out;
}

/// For the few who build a value by hand; needs <boost/json/value.hpp>.
template <class T, class Value = boost::json::value>
Value to_json(const T& value) {
    Value out;
    detail::parse_own(to_json_text(value), out);
    return out;
}

/// Reads a whole text. Errors: not JSON, nested too deep, a value of the wrong kind or range, and
/// with Unknown::Refuse an unknown key, naming the nearest known one.
template <class T>
Expected<T, JsonError> from_json_text(std::string_view text, Unknown unknown) {
    T value{};
    std::optional<JsonError> error = detail::read_text(text, unknown, &detail::read_any<T>, &value);
    if (error) {
        return Unexpected{*std::move(error)};
    }
    return value;
}

template <class T>
Expected<T, JsonError> from_json(const boost::json::value& parsed, Unknown unknown) {
    T value{};
    std::optional<JsonError> error =
        detail::read_value(parsed, unknown, &detail::read_any<T>, &value);
    if (error) {
        return Unexpected{*std::move(error)};
    }
    return value;
}

}  // namespace khu::wire
