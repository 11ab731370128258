#pragma once

/// \file
/// The kinds of value that a policy file is made of, each with its unit and bounds, and how each is
/// written. config/ reads them back; print and read are inverse (parse(print(p)) == p).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/mp11/algorithm.hpp>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu::schema {

/// Free text for people: a name, an act's number. No control characters.
struct Text {
    std::size_t bytes_max{200};
};
/// [a-z0-9-]{1,40}: the key of everything that a policy names.
struct Identifier {};
/// Identifier or "*".
struct ZoneOrAny {};
/// [A-Za-z0-9._-]{1,64}: names that come from elsewhere, as grant, policy and user ids.
struct Reference {};
/// 10 digits, or 10-3; always in quotes, since a leading zero must survive.
struct TaxCode {};
/// A plain decimal integer.
struct Whole {
    std::int64_t low{0};
    std::int64_t high{0};
};
struct Flag {};
/// One of the words of a described enumeration, in kebab-case.
template <class E>
struct Word {};
/// "500 GPUh" in Atoms.
struct GpuHours {
    bool zero_too{false};
};
/// "6000000000 VND" in Mvnd.
struct Dong {
    bool zero_too{false};
};
/// "27000 VND/GPUh" in dong.
struct DongPerGpuHour {};
/// "37.5%" in per mille.
struct Percent {
    int permille_max{1000};
};
/// 30m, 24h, 90d, 2h30m in a Span of whole seconds.
struct Duration {};
/// 12m, 10y in months: of the calendar, for retention.
struct Months {};
/// "2026-04-01": that day's local midnight.
struct Day {};
/// "2026-04-01T00:00:00+07:00".
struct Instant {};
/// "+07:00" in minutes.
struct Offset {};
/// "gn[01-16]".
struct Hostlist {};

/// "SuspendSubmit" -> "suspend-submit".
std::string kebab_case(std::string_view pascal_case);

template <class E>
struct NamedValue {
    std::string name;
    E value;
};

/// The words of an enumeration, in its order.
template <class E>
std::vector<NamedValue<E>> words_of() {
    std::vector<NamedValue<E>> words;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>(
        [&](auto described) { words.push_back({kebab_case(described.name), described.value}); });
    return words;
}

/// Each writes a value as the file has it, without quotes. `offset` is the zone's, in minutes.
struct Writing {
    int utc_offset_minutes{0};
};
std::string write(Text, const std::string& value, Writing how);
std::string write(Whole, std::int64_t value, Writing how);
std::string write(Flag, bool value, Writing how);
std::string write(GpuHours, Atoms value, Writing how);
std::string write(Dong, Mvnd value, Writing how);
std::string write(DongPerGpuHour, std::int64_t value, Writing how);
std::string write(Percent, int permille, Writing how);
std::string write(Duration, Span value, Writing how);
std::string write(Months, int months, Writing how);
std::string write(Day, Moment value, Writing how);
std::string write(Instant, Moment value, Writing how);
std::string write(Offset, int minutes, Writing how);
std::string write(Hostlist, const std::vector<NodeName>& nodes, Writing how);
inline std::string write(Identifier, const std::string& value, Writing) {
    return value;
}
template <class Kind, class Tag>
std::string write(Kind, const Name<Tag>& value, Writing) {
    return value.value;
}
template <class E>
std::string write(Word<E>, E value, Writing) {
    for (const NamedValue<E>& word : words_of<E>()) {
        if (word.value == value) {
            return word.name;
        }
    }
    return {};
}

}  // namespace khu::schema
