#pragma once

/// \file
/// Inside wire/json.h: which kinds of type there are, and the functions without templates that
/// write and read each JSON kind, so that a described struct costs one table of members.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/boxed.h"
#include "core/base/describe.h"
#include "core/base/expected.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/base/text.h"
#include "core/base/units.h"

namespace boost::json {
class value;
}

namespace khu::wire {

/// What to do with a key that no member has.
enum class Unknown { Ignore, Refuse };

struct JsonError {
    std::string path;         ///< "shape.nodes[2].gpus"; empty: the whole text
    std::string why;          ///< "is not a whole number"
    std::int64_t offset{-1};  ///< of the byte where the text stops being JSON; -1: it is JSON
    bool operator==(const JsonError&) const = default;
};
KHU_DESCRIBE(JsonError, path, why, offset)

/// "shape.gpus: is not a whole number".
std::string text(const JsonError& error);
/// BadJson or BadField, with the error's data.
Refusal to_refusal(const JsonError& error);

/// How a type that is no described struct is written: as another type. A specialisation has
///     using Form = std::string;
///     static Form to(const T&);
///     static std::optional<T> from(Form);   // none: refused as "is not a valid NAME",
///     static constexpr std::string_view wanted = "must be ...";   // or so, if it is there
template <class T>
struct JsonForm;

/// "JobPlaced" -> "job_placed", "NVLink" -> "nv_link".
std::string snake_case(std::string_view pascal_case);

namespace detail {

class Reader;

/// How to write and read one member of a struct, without its type.
struct Field {
    std::string_view name;
    void (*write)(std::string& out, const void* object);
    bool (*read)(Reader in, void* object);
};

struct EnumName {
    std::int64_t value;
    std::string name;
};

struct Place;
struct Reading;

/// A value of a parsed text and the way to it. Each function reads it as one kind, and returns
/// false after noting the first error.
class Reader {
public:
    Reader(const boost::json::value& value, const Place* place, Reading& reading)
        : value_(&value), place_(place), reading_(&reading) {}

    [[nodiscard]] bool is_null() const;
    [[nodiscard]] bool is_integer() const;
    [[nodiscard]] bool is_number() const;
    [[nodiscard]] bool is_string() const;
    [[nodiscard]] bool is_bool() const;
    [[nodiscard]] std::size_t size() const;

    bool boolean(bool& out);
    bool integer(std::int64_t low, std::int64_t high, std::int64_t& out);
    bool natural(std::uint64_t high, std::uint64_t& out);
    bool real(double& out);
    bool text(std::string& out);
    bool text(std::string_view& out);
    bool enumerator(std::span<const EnumName> names, std::int64_t& out);
    bool code(Code& out);
    bool object(std::span<const Field> fields, void* out);
    /// Calls `one` with each item and its index.
    bool items(bool (*one)(Reader, std::size_t, void*), void* out);
    bool exact_items(std::size_t count, bool (*one)(Reader, std::size_t, void*), void* out);
    /// Calls `one` with each key and value.
    bool entries(bool (*one)(Reader, std::string_view key, void*), void* out);
    /// {"name": value}: calls `one` with the position of the name.
    bool tagged(std::span<const std::string> names, bool (*one)(Reader, std::size_t, void*),
                void* out);
    bool fail(std::string why);

private:
    const boost::json::value* value_;
    const Place* place_;
    Reading* reading_;
};

void write_text(std::string& out, std::string_view text);
void write_integer(std::string& out, std::int64_t number);
void write_natural(std::string& out, std::uint64_t number);
void write_real(std::string& out, double number);
void write_enumerator(std::string& out, std::span<const EnumName> names, std::int64_t value);
void write_object(std::string& out, std::span<const Field> fields, const void* object);
std::string_view code_name(Code code);
std::optional<std::int64_t> integer_of_key(std::string_view key);
std::optional<std::uint64_t> natural_of_key(std::string_view key);
std::optional<std::int64_t> enumerator_of_key(std::span<const EnumName> names,
                                              std::string_view key);
std::string_view name_of(std::span<const EnumName> names, std::int64_t value);

/// Parses `text` and gives its root to `read`; the error if either fails.
std::optional<JsonError> read_text(std::string_view text, Unknown unknown,
                                   bool (*read)(Reader, void*), void* out);
std::optional<JsonError> read_value(const boost::json::value& value, Unknown unknown,
                                    bool (*read)(Reader, void*), void* out);
void parse_own(std::string_view text, boost::json::value& out);

// What kind of type is it?

template <template <class...> class Template, class T>
inline constexpr bool is_a = false;
template <template <class...> class Template, class... Args>
inline constexpr bool is_a<Template, Template<Args...>> = true;

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

template <class T>
concept Described = boost::describe::has_describe_members<T>::value;
template <class T>
concept DescribedEnum = boost::describe::has_describe_enumerators<T>::value;
template <class T>
concept HasForm = requires { typename JsonForm<T>::Form; };
template <class T>
concept WholeUnit = is_a<Quantity, T> || std::is_same_v<T, Moment>;
template <class T>
concept WholeNumber = std::is_integral_v<T> && !std::is_same_v<T, bool>;
template <class T>
concept Pointer = is_a<std::unique_ptr, T> || is_a<std::shared_ptr, T>;
template <class T>
concept SortedMap = requires {
    typename T::key_compare;
    typename T::mapped_type;
};
template <class T>
concept SortedSet = requires { typename T::key_compare; } && !SortedMap<T>;
template <class T>
concept Sequence = requires(T t, typename T::value_type v) { t.push_back(std::move(v)); };
template <class T>
concept TextKey = std::is_same_v<T, std::string> || is_a<Name, T> || is_a<Number, T> ||
                  WholeUnit<T> || WholeNumber<T> || DescribedEnum<T>;
template <class T>
concept Plain = std::is_same_v<T, std::string> || std::is_same_v<T, bool> || WholeNumber<T> ||
                std::is_floating_point_v<T>;

template <class T>
inline constexpr bool all_plain = false;
template <class... Ts>
inline constexpr bool all_plain<std::variant<Ts...>> = (Plain<Ts> && ...);

// Names, made once for each type.

/// "JobPlaced" of khu::machine::JobPlaced, read from the compiler's own words.
template <class T>
constexpr std::string_view type_name() {
    std::string_view words = __PRETTY_FUNCTION__;
    words.remove_prefix(words.find("T = ") + 4);
    words = words.substr(0, words.find_first_of(";]"));
    const std::size_t colon = words.rfind("::");
    return colon == std::string_view::npos ? words : words.substr(colon + 2);
}

template <template <class...> class L, class... D>
std::vector<EnumName> make_enum_names(L<D...>) {
    return {EnumName{static_cast<std::int64_t>(D::value), snake_case(D::name)}...};
}
template <class E>
const std::vector<EnumName>& enum_names() {
    static const std::vector<EnumName> names =
        make_enum_names(boost::describe::describe_enumerators<E>{});
    return names;
}

template <class... Ts>
const std::array<std::string, sizeof...(Ts)>& variant_names(const std::variant<Ts...>*) {
    static_assert(((Described<Ts> || std::is_same_v<Ts, std::monostate>) && ...),
                  "a variant is of described structs, or of plain values");
    static const std::array<std::string, sizeof...(Ts)> names{snake_case(type_name<Ts>())...};
    return names;
}

}  // namespace detail
}  // namespace khu::wire
