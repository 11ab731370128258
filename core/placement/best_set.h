#pragma once

/// \file
/// The best of the sets of GPUs or slices that are tried for a job on one node, the first among
/// equals.

#include "core/placement/fit.h"

namespace khu {

class BestSet {
public:
    /// Keeps references to both.
    BestSet(const NodeState& state, const Shape& shape) : state_(state), shape_(shape) {}

    void offer(GpuMask set) {
        const FitScore score = score_set(state_, set, shape_);
        if (!found_ || score < score_) {
            found_ = true;
            set_ = set;
            score_ = score;
        }
    }
    /// False if nothing was offered.
    [[nodiscard]] bool found() const { return found_; }
    [[nodiscard]] GpuMask set() const { return set_; }
    /// Of that set.
    [[nodiscard]] const FitScore& score() const { return score_; }

private:
    const NodeState& state_;
    const Shape& shape_;
    bool found_{false};
    GpuMask set_{0};
    FitScore score_;
};

}  // namespace khu
