#pragma once

/// \file
/// The jobs that wait in a partition in the order of the queue, one after the other, shape by shape
/// where they interlock. Reading the first few costs nothing for those behind them.

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/schedule/cursor.h"
#include "core/schedule/memo.h"
#include "core/schedule/queue.h"

namespace khu {

class Line {
public:
    /// With a memo, those are passed over that admission keeps waiting, be it not for the calendar,
    /// and those of shapes for which too few nodes are up. All of it must outlive the line and not
    /// change meanwhile.
    Line(const Queue& queue, const RoundMemo* memo, const PartitionId& partition);

    struct Place {
        QueueOrder order;
        LaneNumber lane{0};
    };
    /// None after the last.
    std::optional<Place> next();

private:
    void open_shapes();
    void enter(ShapeNumber shape);

    const Queue& queue_;
    const RoundMemo* memo_;
    const Queue::ShapeHeads& heads_;
    Queue::ShapeHeads::const_iterator next_;
    std::map<ShapeNumber, ShapeCursor> cursors_;
    std::set<std::pair<QueueOrder, ShapeNumber>> firsts_;
};

}  // namespace khu
