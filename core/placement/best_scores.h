#pragma once

/// \file
/// What was worked out once of a partition's hardware and need not be for every start: the best
/// score of so many nodes of a shape (score.h).

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "core/jobs/spec.h"

namespace khu {

class BestScores {
public:
    /// As remembered, else what `work_out` gives.
    template <class WorkOut>
    std::int64_t of(int nodes, const Shape& shape, const WorkOut& work_out) {
        const auto found = known_.find({nodes, shape});
        if (found != known_.end()) {
            return found->second;
        }
        if (known_.size() >= kKept) {
            known_.clear();
        }
        return known_.emplace(std::pair(nodes, shape), work_out()).first->second;
    }
    /// A node came, left, moved or has other hardware.
    void forget() { known_.clear(); }

private:
    static constexpr std::size_t kKept = 4'096;  // 100 bytes each

    std::map<std::pair<int, Shape>, std::int64_t> known_;
};

}  // namespace khu
