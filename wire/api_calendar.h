#pragma once

/// \file
/// The calendar in the API: the windows of reservations that are not over, and their nodes.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "wire/timestamp.h"

namespace khu::wire {

/// One window.
struct ReservationView {
    std::string reservation;
    ProgrammeId programme;
    PartitionId partition;
    QosId qos;
    std::int64_t gpus{0};
    std::int64_t nodes_wanted{0};
    Timestamp from_at, to_at;
    /// "planned": it gets its nodes later; "placed": it has them, and nobody runs into it; "open":
    /// its window has begun.
    std::string state;
    std::vector<NodeName> nodes;
};
KHU_DESCRIBE(ReservationView, reservation, programme, partition, qos, gpus, nodes_wanted, from_at,
             to_at, state, nodes)

/// By beginning.
struct ReservationPage {
    std::vector<ReservationView> reservations;
};
KHU_DESCRIBE(ReservationPage, reservations)

}  // namespace khu::wire
