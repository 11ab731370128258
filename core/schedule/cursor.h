#pragma once

/// \file
/// Walks the ready jobs of one shape in their order, while a round starts some of them and passes
/// over whole lanes. The queue itself does not change during a round.

#include <map>
#include <optional>

#include "core/schedule/queue.h"

namespace khu {

class ShapeCursor {
public:
    /// Claims: the shape has jobs.
    ShapeCursor(const Queue& queue, ShapeNumber shape)
        : queue_(&queue), heads_(&queue.shape(shape)->heads), next_(heads_->begin()) {}

    struct Candidate {
        QueueOrder order;
        LaneNumber lane;
    };
    [[nodiscard]] std::optional<Candidate> current() const;
    /// The current job started: its lane goes on with its next job.
    void started();
    /// Nothing more of the current lane.
    void skip_lane();

private:
    [[nodiscard]] bool at_advanced() const;

    const Queue* queue_;
    const std::map<QueueOrder, LaneNumber>* heads_;
    std::map<QueueOrder, LaneNumber>::const_iterator next_;
    std::map<QueueOrder, LaneNumber> advanced_;  ///< lanes that go on behind their first job
};

}  // namespace khu
