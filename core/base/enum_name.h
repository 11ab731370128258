#pragma once

/// \file
/// The name of a described enumerator in snake_case, as JSON and reports write it:
/// EndCause::NodeFail -> "node_fail".

#include <boost/describe.hpp>
#include <boost/mp11.hpp>

#include <string>
#include <string_view>

#include "core/base/check.h"

namespace khu {

/// "NodeFail" -> "node_fail".
std::string snake_case(std::string_view pascal);

/// Claims: `value` is one of the enumerators.
template <class E>
std::string enum_name(E value) {
    std::string name;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto each) {
        if (each.value == value) {
            name = snake_case(each.name);
        }
    });
    KHU_CHECK(!name.empty(), "enumerator {}", static_cast<long long>(value));
    return name;
}

}  // namespace khu
