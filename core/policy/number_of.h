#pragma once

/// \file
/// The values of a policy that are numbers, whatever their unit: amounts, money, spans,
/// percentages, counts, and yes or no. Each is compared and bounded as an integer in its own unit.

#include <cstdint>
#include <type_traits>

namespace khu {

/// Atoms, Mvnd, Span, ...: one integer in a type of its own.
template <class T>
concept UnitNumber =
    requires(const T& value) { requires std::is_integral_v<decltype(value.value)>; };
template <class T>
concept AnyNumber = std::is_integral_v<T> || UnitNumber<T>;

template <AnyNumber T>
std::int64_t number_of(const T& value) {
    if constexpr (UnitNumber<T>) {
        return value.value;
    } else {
        return static_cast<std::int64_t>(value);
    }
}

/// Claims nothing of the range: `number` came from a value of the same key.
template <AnyNumber T>
void assign_number(T& value, std::int64_t number) {
    if constexpr (UnitNumber<T>) {
        value = T{number};
    } else {
        value = static_cast<T>(number);
    }
}

}  // namespace khu
