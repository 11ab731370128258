#pragma once

/// \file
/// A value or the reason why there is none. The shape of C++23's std::expected, which GCC 12 does
/// not offer in C++20 mode; when it does, this file becomes two `using` lines.

#include <utility>
#include <variant>

#include "core/base/check.h"

namespace khu {

template <class E>
struct Unexpected {
    E error;
};
template <class E>
Unexpected(E) -> Unexpected<E>;

template <class T, class E>
class [[nodiscard]] Expected {
public:
    Expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    template <class G>
    Expected(Unexpected<G> unexpected)
        : state_(std::in_place_index<1>, std::move(unexpected.error)) {}

    [[nodiscard]] bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }

    /// Claims: there is a value.
    T& value() & {
        KHU_CHECK(has_value());
        return std::get<0>(state_);
    }
    const T& value() const& {
        KHU_CHECK(has_value());
        return std::get<0>(state_);
    }
    T&& value() && {
        KHU_CHECK(has_value());
        return std::get<0>(std::move(state_));
    }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    /// Claims: there is no value.
    E& error() & {
        KHU_CHECK(!has_value());
        return std::get<1>(state_);
    }
    const E& error() const& {
        KHU_CHECK(!has_value());
        return std::get<1>(state_);
    }
    E&& error() && {
        KHU_CHECK(!has_value());
        return std::get<1>(std::move(state_));
    }

private:
    std::variant<T, E> state_;
};

/// Success without a value: `Expected<Done, Refusal>`.
struct Done {
    bool operator==(const Done&) const = default;
};

}  // namespace khu
