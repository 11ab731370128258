#pragma once

/// \file
/// A T that costs one pointer while it is T{}: for parts of a struct that most of its kind do not
/// have. It is a value: copies are copies, and two are equal if their Ts are. JSON writes null for
/// one that was never filled.

#include <compare>
#include <memory>
#include <utility>

namespace khu {

template <class T>
class Boxed {
public:
    Boxed() = default;
    Boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}  // NOLINT: it is a T
    Boxed(const Boxed& other)
        : value_(other.value_ == nullptr ? nullptr : std::make_unique<T>(*other.value_)) {}
    Boxed(Boxed&&) noexcept = default;
    Boxed& operator=(const Boxed& other) {
        Boxed copy(other);
        value_ = std::move(copy.value_);
        return *this;
    }
    Boxed& operator=(Boxed&&) noexcept = default;
    ~Boxed() = default;

    /// False while it is T{} because nobody filled it.
    [[nodiscard]] bool filled() const { return value_ != nullptr; }
    const T& operator*() const { return value_ == nullptr ? none() : *value_; }
    const T* operator->() const { return &**this; }
    /// To be changed; fills it.
    T& edit() {
        if (value_ == nullptr) {
            value_ = std::make_unique<T>();
        }
        return *value_;
    }
    void clear() { value_.reset(); }

    bool operator==(const Boxed& other) const { return **this == *other; }
    auto operator<=>(const Boxed& other) const
        requires std::three_way_comparable<T>
    {
        return **this <=> *other;
    }

private:
    static const T& none() {
        static const T empty{};
        return empty;
    }

    std::unique_ptr<T> value_;
};

}  // namespace khu
