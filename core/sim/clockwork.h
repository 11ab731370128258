#pragma once

/// \file
/// Virtual time: what will happen, in order of time and, at one time, of arrival.

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "core/base/units.h"

namespace khu::sim {

class Clockwork {
public:
    using Action = std::function<void()>;

    explicit Clockwork(Moment start) : now_(start) {}
    [[nodiscard]] Moment now() const { return now_; }
    /// `at` in the past means at once.
    void at(Moment at, Action action) {
        queue_.emplace(std::pair{at < now_ ? now_ : at, next_++}, std::move(action));
    }
    void in(Span span, Action action) { at(now_ + span, std::move(action)); }
    [[nodiscard]] bool empty() const { return queue_.empty(); }
    [[nodiscard]] Moment next() const {
        return queue_.empty() ? kNever : queue_.begin()->first.first;
    }
    void step() {
        auto first = queue_.extract(queue_.begin());
        now_ = first.key().first;
        first.mapped()();
    }

private:
    Moment now_;
    std::uint64_t next_{0};
    std::map<std::pair<Moment, std::uint64_t>, Action> queue_;
};

}  // namespace khu::sim
