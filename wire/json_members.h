#pragma once

/// \file
/// Inside wire/json.h: writing and reading of every kind of type, one small template each.

#include <limits>
#include <utility>

#include "wire/json_kinds.h"

namespace khu::wire::detail {

template <class T>
void write(std::string& out, const T& value);
template <class T>
bool read(Reader in, T& value);
template <class T>
bool read_any(Reader in, void* value) {
    return read(in, *static_cast<T*>(value));
}

template <class T, class D>
void write_member(std::string& out, const void* object) {
    write(out, static_cast<const T*>(object)->*D::pointer);
}
template <class T, class D>
bool read_member(Reader in, void* object) {
    return read(in, static_cast<T*>(object)->*D::pointer);
}
template <class T, template <class...> class L, class... D>
constexpr std::array<Field, sizeof...(D)> make_fields(L<D...>) {
    return {Field{key_of_member(D::name), &write_member<T, D>, &read_member<T, D>}...};
}
template <class T>
inline constexpr auto fields_of =
    make_fields<T>(boost::describe::describe_members<T, boost::describe::mod_public>{});

// Writing.

template <class T>
std::string key_text(const T& key) {
    if constexpr (DescribedEnum<T>) {
        return std::string(name_of(enum_names<T>(), static_cast<std::int64_t>(key)));
    } else if constexpr (WholeNumber<T>) {
        return std::to_string(key);
    } else if constexpr (is_a<Number, T> || WholeUnit<T>) {
        return std::to_string(key.value);
    } else if constexpr (is_a<Name, T>) {
        return key.value;
    } else {
        return key;
    }
}

template <class Range>
void write_items(std::string& out, const Range& range) {
    out += '[';
    const std::size_t empty = out.size();
    for (const auto& item : range) {
        if (out.size() != empty) {
            out += ',';
        }
        write(out, item);
    }
    out += ']';
}

template <class Map>
void write_map(std::string& out, const Map& map) {
    if constexpr (!TextKey<typename Map::key_type>) {
        write_items(out, map);
    } else {
        out += '{';
        const std::size_t empty = out.size();
        for (const auto& [key, value] : map) {
            if (out.size() != empty) {
                out += ',';
            }
            write_text(out, key_text(key));
            out += ':';
            write(out, value);
        }
        out += '}';
    }
}

template <class Variant>
void write_variant(std::string& out, const Variant& variant) {
    std::visit(
        [&]<class T>(const T& value) {
            if constexpr (all_plain<Variant>) {
                write(out, value);
            } else if constexpr (std::is_same_v<T, std::monostate>) {
                out += "null";
            } else {
                out += "{\"";
                out += variant_names(static_cast<const Variant*>(nullptr))[variant.index()];
                out += "\":";
                write(out, value);
                out += '}';
            }
        },
        variant);
}

template <class T>
void write(std::string& out, const T& value) {
    if constexpr (HasForm<T>) {
        write(out, JsonForm<T>::to(value));
    } else if constexpr (std::is_same_v<T, bool>) {
        out += value ? "true" : "false";
    } else if constexpr (std::is_same_v<T, Code>) {
        write_text(out, code_name(value));
    } else if constexpr (DescribedEnum<T>) {
        write_enumerator(out, enum_names<T>(), static_cast<std::int64_t>(value));
    } else if constexpr (std::is_unsigned_v<T>) {
        write_natural(out, value);
    } else if constexpr (std::is_integral_v<T>) {
        write_integer(out, value);
    } else if constexpr (std::is_floating_point_v<T>) {
        write_real(out, value);
    } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
        write_text(out, value);
    } else if constexpr (WholeUnit<T> || is_a<Number, T> || is_a<Name, T>) {
        write(out, value.value);
    } else if constexpr (std::is_same_v<T, std::monostate>) {
        out += "null";
    } else if constexpr (is_a<std::optional, T> || Pointer<T>) {
        if (value) {
            write(out, *value);
        } else {
            out += "null";
        }
    } else if constexpr (is_a<Boxed, T>) {
        if (value.filled()) {
            write(out, *value);
        } else {
            out += "null";
        }
    } else if constexpr (is_a<std::pair, T>) {
        out += '[';
        write(out, value.first);
        out += ',';
        write(out, value.second);
        out += ']';
    } else if constexpr (is_a<std::variant, T>) {
        write_variant(out, value);
    } else if constexpr (SortedMap<T>) {
        write_map(out, value);
    } else if constexpr (SortedSet<T> || Sequence<T> || is_std_array<T>) {
        write_items(out, value);
    } else {
        static_assert(Described<T>, "describe it with KHU_DESCRIBE, or specialise JsonForm");
        write_object(out, fields_of<T>, &value);
    }
}

// Reading.

template <class T>
bool read_key(std::string_view text, T& key) {
    if constexpr (DescribedEnum<T>) {
        const std::optional<std::int64_t> number = enumerator_of_key(enum_names<T>(), text);
        key = static_cast<T>(number.value_or(0));
        return number.has_value();
    } else if constexpr (std::is_unsigned_v<T>) {
        const std::optional<std::uint64_t> number = natural_of_key(text);
        key = static_cast<T>(number.value_or(0));
        return number.has_value() && std::in_range<T>(*number);
    } else if constexpr (WholeNumber<T>) {
        const std::optional<std::int64_t> number = integer_of_key(text);
        key = static_cast<T>(number.value_or(0));
        return number.has_value() && std::in_range<T>(*number);
    } else if constexpr (is_a<Number, T> || WholeUnit<T>) {
        return read_key(text, key.value);
    } else if constexpr (is_a<Name, T>) {
        key.value = text;
        return true;
    } else {
        key = text;
        return true;
    }
}

template <class T>
bool read_integral(Reader in, T& value) {
    if constexpr (std::is_unsigned_v<T>) {
        std::uint64_t number{};
        const bool good = in.natural(std::numeric_limits<T>::max(), number);
        value = static_cast<T>(number);
        return good;
    } else {
        std::int64_t number{};
        const bool good =
            in.integer(std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), number);
        value = static_cast<T>(number);
        return good;
    }
}

template <class T>
bool read_enum(Reader in, T& value) {
    std::int64_t number{};
    const bool good = in.enumerator(enum_names<T>(), number);
    if (good) {
        value = static_cast<T>(number);
    }
    return good;
}

template <class T>
bool read_pointer(Reader in, T& value) {
    using Element = std::remove_const_t<typename T::element_type>;
    if (in.is_null()) {
        value.reset();
        return true;
    }
    auto element = std::make_unique<Element>();
    const bool good = read(in, *element);
    value = std::move(element);
    return good;
}

template <class T>
bool read_optional(Reader in, std::optional<T>& value) {
    if (in.is_null()) {
        value.reset();
        return true;
    }
    return read(in, value.emplace());
}

template <class T>
bool read_boxed(Reader in, Boxed<T>& value) {
    value.clear();
    return in.is_null() || read(in, value.edit());
}

inline bool read_shared_text(Reader in, Text& value) {
    std::string text;
    const bool good = in.text(text);
    value = Text(std::move(text));
    return good;
}

template <class T>
bool read_sequence(Reader in, T& value) {
    value.clear();
    if constexpr (requires { value.reserve(1); }) {
        value.reserve(in.size());
    }
    return in.items(
        [](Reader item, std::size_t, void* out) {
            typename T::value_type one{};
            const bool good = read(item, one);
            static_cast<T*>(out)->push_back(std::move(one));
            return good;
        },
        &value);
}

template <class T>
bool read_set(Reader in, T& value) {
    value.clear();
    return in.items(
        [](Reader item, std::size_t, void* out) {
            typename T::value_type one{};
            const bool good = read(item, one);
            static_cast<T*>(out)->insert(std::move(one));
            return good;
        },
        &value);
}

template <class T>
bool read_map(Reader in, T& value) {
    value.clear();
    if constexpr (TextKey<typename T::key_type>) {
        return in.entries(
            [](Reader item, std::string_view text, void* out) {
                typename T::key_type key{};
                if (!read_key(text, key)) {
                    return item.fail("is not a valid key");
                }
                return read(item, (*static_cast<T*>(out))[std::move(key)]);
            },
            &value);
    } else {
        return in.items(
            [](Reader item, std::size_t, void* out) {
                std::pair<typename T::key_type, typename T::mapped_type> one{};
                const bool good = read(item, one);
                static_cast<T*>(out)->insert_or_assign(std::move(one.first), std::move(one.second));
                return good;
            },
            &value);
    }
}

template <class T>
bool read_pair(Reader in, T& value) {
    return in.exact_items(
        2,
        [](Reader item, std::size_t index, void* out) {
            T& both = *static_cast<T*>(out);
            return index == 0 ? read(item, both.first) : read(item, both.second);
        },
        &value);
}

template <class T, std::size_t N>
bool read_array(Reader in, std::array<T, N>& value) {
    return in.exact_items(
        N,
        [](Reader item, std::size_t index, void* out) {
            return read(item, (*static_cast<std::array<T, N>*>(out))[index]);
        },
        &value);
}

template <class T>
bool looks_like(const Reader& in) {
    if constexpr (std::is_same_v<T, std::string>) {
        return in.is_string();
    } else if constexpr (std::is_same_v<T, bool>) {
        return in.is_bool();
    } else if constexpr (std::is_integral_v<T>) {
        return in.is_integer();
    } else {
        return in.is_number();
    }
}

template <class... Ts>
bool read_plain(Reader in, std::variant<Ts...>& value) {
    bool good = false;
    const auto tried = [&]<class T>(std::in_place_type_t<T>) {
        const bool fits = looks_like<T>(in);
        good = fits && read(in, value.template emplace<T>());
        return fits;
    };
    const bool known = (tried(std::in_place_type<Ts>) || ...);
    return known ? good : in.fail("has the wrong kind");
}

template <class... Ts>
bool read_tagged(Reader in, std::variant<Ts...>& value) {
    using Variant = std::variant<Ts...>;
    if constexpr ((std::is_same_v<Ts, std::monostate> || ...)) {
        if (in.is_null()) {
            value = std::monostate{};
            return true;
        }
    }
    return in.tagged(
        variant_names(static_cast<const Variant*>(nullptr)),
        [](Reader item, std::size_t index, void* out) {
            using One = bool (*)(Reader, Variant&);
            static constexpr std::array<One, sizeof...(Ts)> ones{
                [](Reader one, Variant& v) { return read(one, v.template emplace<Ts>()); }...};
            return ones[index](item, *static_cast<Variant*>(out));
        },
        &value);
}

template <class T>
bool read_form(Reader in, T& value) {
    typename JsonForm<T>::Form form{};
    if (!read(in, form)) {
        return false;
    }
    std::optional<T> made = JsonForm<T>::from(std::move(form));
    if constexpr (requires { JsonForm<T>::wanted; }) {
        if (!made) {
            return in.fail(std::string(JsonForm<T>::wanted));
        }
    }
    if (!made) {
        return in.fail("is not a valid " + snake_case(type_name<T>()));
    }
    value = *std::move(made);
    return true;
}

template <class T>
bool read(Reader in, T& value) {
    if constexpr (HasForm<T>) {
        return read_form(in, value);
    } else if constexpr (std::is_same_v<T, bool>) {
        return in.boolean(value);
    } else if constexpr (std::is_same_v<T, Code>) {
        return in.code(value);
    } else if constexpr (DescribedEnum<T>) {
        return read_enum(in, value);
    } else if constexpr (std::is_integral_v<T>) {
        return read_integral(in, value);
    } else if constexpr (std::is_floating_point_v<T>) {
        return in.real(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
        return in.text(value);
    } else if constexpr (std::is_same_v<T, Text>) {
        return read_shared_text(in, value);
    } else if constexpr (is_a<Boxed, T>) {
        return read_boxed(in, value);
    } else if constexpr (WholeUnit<T> || is_a<Number, T> || is_a<Name, T>) {
        return read(in, value.value);
    } else if constexpr (std::is_same_v<T, std::monostate>) {
        return in.is_null() || in.fail("must be null");
    } else if constexpr (is_a<std::optional, T>) {
        return read_optional(in, value);
    } else if constexpr (Pointer<T>) {
        return read_pointer(in, value);
    } else if constexpr (is_a<std::pair, T>) {
        return read_pair(in, value);
    } else if constexpr (all_plain<T>) {
        return read_plain(in, value);
    } else if constexpr (is_a<std::variant, T>) {
        return read_tagged(in, value);
    } else if constexpr (SortedMap<T>) {
        return read_map(in, value);
    } else if constexpr (SortedSet<T>) {
        return read_set(in, value);
    } else if constexpr (is_std_array<T>) {
        return read_array(in, value);
    } else if constexpr (Sequence<T>) {
        return read_sequence(in, value);
    } else {
        static_assert(Described<T>, "describe it with KHU_DESCRIBE, or specialise JsonForm");
        return in.object(fields_of<T>, &value);
    }
}

}  // namespace khu::wire::detail
