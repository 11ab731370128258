#pragma once

/// \file
/// The JSON schema of every described struct, by the same reflection that writes its JSON
/// (wire/json.h), as lines of YAML for docs/api/openapi.yaml.

#include <map>
#include <string>

#include "wire/json.h"
#include "wire/timestamp.h"

namespace khu::wire::tests {

/// Structs by name, each with the lines of its properties. Those inside of others come along.
class Schemas {
public:
    /// The schema of T where it is used: "{type: string}", or a reference to a struct's own.
    template <class T>
    std::string of() {
        if constexpr (std::is_same_v<T, bool>) {
            return "{type: boolean}";
        } else if constexpr (detail::DescribedEnum<T>) {
            return "{type: string, enum: [" + joined(detail::enum_names<T>()) + "]}";
        } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, Text> ||
                             std::is_same_v<T, Code> || detail::is_a<Name, T>) {
            return "{type: string}";
        } else if constexpr (std::is_same_v<T, Timestamp>) {
            return "{type: string, format: date-time, nullable: true}";
        } else if constexpr (detail::WholeNumber<T> || detail::WholeUnit<T> ||
                             detail::is_a<Number, T>) {
            return "{type: integer, format: int64}";
        } else if constexpr (std::is_floating_point_v<T>) {
            return "{type: number}";
        } else if constexpr (detail::Described<T>) {
            add<T>();
            return "{$ref: '#/components/schemas/" + std::string(detail::type_name<T>()) + "'}";
        } else {
            return of_many(static_cast<const T*>(nullptr));
        }
    }

    [[nodiscard]] const std::map<std::string, std::string>& all() const { return all_; }

private:
    template <class T>
    std::string of_many(const std::optional<T>*) {
        return "{nullable: true, allOf: [" + of<T>() + "]}";
    }
    template <class T>
    std::string of_many(const Boxed<T>*) {
        return "{nullable: true, allOf: [" + of<T>() + "]}";
    }
    template <class T>
    std::string of_many(const std::vector<T>*) {
        return "{type: array, items: " + of<T>() + "}";
    }
    template <class T, std::size_t N>
    std::string of_many(const std::array<T, N>*) {
        return "{type: array, items: " + of<T>() + "}";
    }
    template <class K, class V>
    std::string of_many(const std::map<K, V>*) {
        return "{type: object, additionalProperties: " + of<V>() + "}";
    }
    template <class... Ts>
    std::string of_many(const std::variant<Ts...>*) {
        std::string any;
        ((any += (any.empty() ? "" : ", ") + of<Ts>()), ...);
        return "{oneOf: [" + any + "]}";
    }

    template <class T>
    void add() {
        const std::string name(detail::type_name<T>());
        if (!all_.emplace(name, "").second) {
            return;
        }
        std::string properties;
        using Members = boost::describe::describe_members<T, boost::describe::mod_public>;
        boost::mp11::mp_for_each<Members>([&](auto member) {
            using Type = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
            properties +=
                "        " + std::string(key_of_member(member.name)) + ": " + of<Type>() + "\n";
        });
        all_[name] = properties;
    }

    static std::string joined(const std::vector<detail::EnumName>& names) {
        std::string all;
        for (const detail::EnumName& each : names) {
            all += (all.empty() ? "" : ", ") + each.name;
        }
        return all;
    }

    std::map<std::string, std::string> all_;
};

}  // namespace khu::wire::tests
