#pragma once

/// \file
/// A struct is described once, with KHU_DESCRIBE right below it; JSON for the API, the agents and
/// the stored facts follow by reflection (wire/json.h), and so does the state's digest.
///
///     struct Grant { GrantId id; Atoms amount; };
///     KHU_DESCRIBE(Grant, id, amount)
///
/// An enumeration is described with KHU_DESCRIBE_ENUM; its JSON name is the enumerator in
/// snake_case ("NodeFail" -> "node_fail"). Keys are member names, less the underscore at the end of
/// one that C++ has for itself ("class_" -> "class"). A variant of structs is written
/// as {"type_name_in_snake_case": {...}}.

#include <boost/describe.hpp>
#include <string_view>

namespace khu {
/// The key of a described member.
constexpr std::string_view key_of_member(std::string_view name) {
    return name.ends_with('_') ? name.substr(0, name.size() - 1) : name;
}
}  // namespace khu

// Boost's own macros, under names that say what they are for in this house.
#define KHU_DESCRIBE(Type, ...) BOOST_DESCRIBE_STRUCT(Type, (), (__VA_ARGS__))
#define KHU_DESCRIBE_ENUM(Type, ...) BOOST_DESCRIBE_ENUM(Type, __VA_ARGS__)

// The same for a struct with more members than the macros above can count (52): two lists, in
// order.
#define KHU_DESCRIBE_UNPACK(...) __VA_ARGS__
#define KHU_DESCRIBE_EACH(Type, ...) \
    BOOST_DESCRIBE_PP_FOR_EACH(BOOST_DESCRIBE_MEMBER_IMPL, Type, __VA_ARGS__)
#define KHU_DESCRIBE_LONG(Type, First, Rest)                                                    \
    BOOST_DESCRIBE_MAYBE_UNUSED inline auto boost_public_member_descriptor_fn(Type**) {         \
        return boost::describe::detail::member_descriptor_fn_impl<boost::describe::mod_public>( \
            0 KHU_DESCRIBE_EACH(Type, KHU_DESCRIBE_UNPACK First)                                \
                KHU_DESCRIBE_EACH(Type, KHU_DESCRIBE_UNPACK Rest));                             \
    }                                                                                           \
    BOOST_DESCRIBE_MAYBE_UNUSED BOOST_DESCRIBE_BASES(Type)                                      \
    BOOST_DESCRIBE_MAYBE_UNUSED BOOST_DESCRIBE_PROTECTED_MEMBERS(Type)                          \
    BOOST_DESCRIBE_MAYBE_UNUSED BOOST_DESCRIBE_PRIVATE_MEMBERS(Type)
