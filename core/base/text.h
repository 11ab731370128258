#pragma once

/// \file
/// An immutable text whose copies share one piece of memory, and cost a pointer each. Names of the
/// zone (an enterprise, a partition, a user) stand in every job, lane and lease: a million pending
/// jobs hold each of them once. Copies may be made and dropped on any thread.
///
/// It reads as a std::string wherever one is wanted; to change it, assign a new one.

#include <atomic>
#include <compare>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace khu {

class Text {
public:
    Text() = default;
    explicit Text(std::string text);
    Text(const Text& other) : block_(other.block_) { hold(); }
    Text(Text&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    Text& operator=(const Text& other) {
        Text copy(other);
        std::swap(block_, copy.block_);
        return *this;
    }
    Text& operator=(Text&& other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    Text& operator=(std::string_view text) { return *this = Text(std::string(text)); }
    ~Text() { drop(); }

    [[nodiscard]] const std::string& str() const {
        return block_ == nullptr ? none() : block_->text;
    }
    operator const std::string&() const { return str(); }  // NOLINT: reads as a string
    operator std::string_view() const { return str(); }    // NOLINT: the same
    [[nodiscard]] const char* c_str() const { return str().c_str(); }
    [[nodiscard]] bool empty() const { return block_ == nullptr; }
    [[nodiscard]] std::size_t size() const { return str().size(); }
    /// True if nobody else holds the same memory.
    [[nodiscard]] bool sole() const { return block_ == nullptr || block_->holders.load() == 1; }

    friend std::strong_ordering operator<=>(const Text& a, const Text& b) {
        return a.block_ == b.block_ ? std::strong_ordering::equal : a.str() <=> b.str();
    }
    friend bool operator==(const Text& a, const Text& b) {
        return a.block_ == b.block_ || a.str() == b.str();
    }
    friend bool operator==(const Text& a, std::string_view b) { return a.str() == b; }
    friend std::string operator+(const Text& a, std::string_view b) {
        return a.str() + std::string(b);
    }
    friend std::string operator+(std::string_view a, const Text& b) {
        return std::string(a) + b.str();
    }
    friend std::string operator+(const Text& a, const Text& b) { return a.str() + b.str(); }
    friend std::string operator+(const Text& a, char b) { return a.str() + b; }
    /// For whatever prints: a stream is not included here.
    template <class Stream>
    friend auto operator<<(Stream& out, const Text& text) -> decltype(out << text.str()) {
        return out << text.str();
    }

private:
    struct Block {
        std::atomic<std::uint32_t> holders;
        std::string text;
    };
    static const std::string& none();
    void hold() const {
        if (block_ != nullptr) {
            block_->holders.fetch_add(1, std::memory_order_relaxed);
        }
    }
    void drop() {
        if (block_ != nullptr && block_->holders.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete block_;
        }
    }

    Block* block_{nullptr};  ///< null: the empty text
};

/// Makes equal texts one. What nobody else holds any more is forgotten now and then.
class TextPool {
public:
    /// `text` becomes the copy of an equal one that was shared before, or the first of its kind.
    void share(Text& text);
    [[nodiscard]] std::size_t size() const { return known_.size(); }

private:
    std::set<Text> known_;
    std::size_t sweep_at_{1024};
};

}  // namespace khu
