#pragma once

/// \file
/// The calendar in the API: the windows of reservations that are not over, and their nodes.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "wire/api.h"
#include "wire/timestamp.h"

namespace khu::wire {

/// What is asked for; always one window. With `resources`, those and no nodes: then programme,
/// partition, QOS and GPUs stay empty, and it costs nothing.
struct ReservationAsk {
    std::string reservation;
    std::string enterprise;  ///< for zone admins only; empty: that of the caller
    std::string programme, partition, qos;
    std::int64_t gpus{0};  ///< rounded up to whole nodes
    Timestamp from_at, to_at;
    std::vector<CountedWish> resources;
};
KHU_DESCRIBE(ReservationAsk, reservation, enterprise, programme, partition, qos, gpus, from_at,
             to_at, resources)

/// One window.
struct ReservationView {
    std::string reservation;  ///< "-", with the next and no programme: another enterprise's
    std::string enterprise;   ///< that booked it; empty: of the policy, for all of the programme
    JobId number;             ///< of a booked one: as it stands in the books; else 0
    ProgrammeId programme;
    PartitionId partition;
    QosId qos;
    std::int64_t gpus{0};
    std::int64_t nodes_wanted{0};
    Timestamp from_at, to_at;
    /// "planned": it gets its nodes later; "placed": it has them, and nobody runs into it; "open":
    /// its window has begun; "not_booked": the policy has it for one enterprise, and it could not
    /// be paid or has no nodes yet, so nothing is set aside.
    std::string state;
    std::vector<NodeName> nodes;
    Atoms held_ugs;  ///< of a booked one, for those who may read its books
    std::optional<Timestamp>
        free_until;                      ///< of a booked one: it costs nothing if cancelled by then
    bool of_policy{false};               ///< booked by the policy: only a later policy gives it up
    std::optional<Explained> why;        ///< it is not booked
    std::vector<CountedWish> resources;  ///< counted ones, in place of nodes
};
KHU_DESCRIBE(ReservationView, reservation, enterprise, number, programme, partition, qos, gpus,
             nodes_wanted, from_at, to_at, state, nodes, held_ugs, free_until, of_policy, why,
             resources)

/// By beginning.
struct ReservationPage {
    std::vector<ReservationView> reservations;
};
KHU_DESCRIBE(ReservationPage, reservations)

}  // namespace khu::wire
