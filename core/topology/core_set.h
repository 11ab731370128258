#pragma once

/// \file
/// A set of core positions of one node, as words of 64 bits. All sets of a node have its size, so
/// that two of them combine word by word.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/check.h"

namespace khu {

class CoreSet {
public:
    CoreSet() = default;
    /// An empty set over positions 0 .. size-1.
    explicit CoreSet(int size) : words_((static_cast<std::size_t>(size) + 63) / 64, 0) {}

    void add(int core) { word(core) |= bit(core); }
    void remove(int core) { word(core) &= ~bit(core); }
    [[nodiscard]] bool contains(int core) const {
        KHU_CHECK(core >= 0 && static_cast<std::size_t>(core) / 64 < words_.size(), "{}", core);
        return (words_[static_cast<std::size_t>(core) / 64] & bit(core)) != 0;
    }
    [[nodiscard]] int count() const {
        int n = 0;
        for (const std::uint64_t w : words_) {
            n += std::popcount(w);
        }
        return n;
    }
    /// How many positions both sets have.
    [[nodiscard]] int count_common(const CoreSet& other) const {
        int n = 0;
        for (std::size_t i = 0; i < words_.size(); ++i) {
            n += std::popcount(words_[i] & other.words_[i]);
        }
        return n;
    }
    /// Appends the lowest `wanted` positions that both sets have. Claims: there are that many.
    void append_common(const CoreSet& other, int wanted, std::vector<int>& out) const {
        for (std::size_t i = 0; i < words_.size() && wanted > 0; ++i) {
            std::uint64_t w = words_[i] & other.words_[i];
            for (; w != 0 && wanted > 0; w &= w - 1, --wanted) {
                out.push_back(static_cast<int>(i) * 64 + std::countr_zero(w));
            }
        }
        KHU_CHECK(wanted == 0, "{} missing", wanted);
    }
    bool operator==(const CoreSet&) const = default;

private:
    static std::uint64_t bit(int core) { return std::uint64_t{1} << (core % 64); }
    std::uint64_t& word(int core) {
        KHU_CHECK(core >= 0 && static_cast<std::size_t>(core) / 64 < words_.size(), "{}", core);
        return words_[static_cast<std::size_t>(core) / 64];
    }

    std::vector<std::uint64_t> words_;
};

}  // namespace khu
