#pragma once

/// \file
/// Reservations of the calendar: which nodes each window has, and who may start inside.
///
/// A window gets its nodes as soon as an attempt that starts could reach into it (the longest time
/// limit of the zone before it begins), so that they are surely free then: from that moment on the
/// schedule lets nobody else run into it (core/schedule/bookings.h). They are whole nodes that are
/// up, chosen by the zone tree as those of a gang are. One that is lost or drained is replaced
/// while the window is not over; where there is none to replace it, it stays. What runs already
/// when a policy brings a window is not stopped; then the nodes that are free the soonest are
/// taken.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/base/units.h"
#include "core/jobs/spec.h"
#include "core/machine/booked.h"
#include "core/policy/policy.h"

namespace khu {

class State;

/// One window that has nodes.
struct ReservedWindow {
    std::string id;  ///< of the reservation
    Window window;
    ProgrammeId programme;
    PartitionId partition;
    int nodes{0};                ///< wanted
    std::vector<NodeId> placed;  ///< ascending; fewer where there are no more
    bool open{false};            ///< it has begun
    bool operator==(const ReservedWindow&) const = default;
};
KHU_DESCRIBE(ReservedWindow, id, window, programme, partition, nodes, placed, open)

using ReservedKey = std::pair<std::string, Moment>;  ///< its id and when it begins

/// One of the policy, for every enterprise of its programme, or a window that is booked for one.
struct KnownReservation {
    Reservation what;
    EnterpriseId enterprise;  ///< empty: any of the programme
    int nodes{0};             ///< whole nodes that it sets aside
    std::string booked;  ///< its booked_key(); empty: not booked, nobody pays for it as a whole
};
/// Those of the policy in force for programmes, then those that are booked, and not cancelled.
std::vector<KnownReservation> known_reservations(const State& state);
/// Of several windows of one name the first.
std::optional<KnownReservation> find_reservation(const State& state, const std::string& id);

/// The booking of that name, of that enterprise, whose window is not over at `at`, the earliest;
/// null if there is none.
const Booked* booked_for(const State& state, const std::string& name,
                         const EnterpriseId& enterprise, Moment at);
/// Who booked the reservation of that name, or for whom the policy did; empty: nobody.
EnterpriseId owner_of(const State& state, const std::string& name);

/// ReservationNotOpen (A143) or ReservationOver (A144) for a job that names one, if it may not
/// start at `now` for its whole limit; none for any other job.
std::optional<Reason> outside_reservation(const State& state, const JobSpec& spec, Moment now);

/// A133, A101 or A102 for a job that names a reservation which it may not use, or does not fit
/// into.
std::optional<Refusal> reservation_refused(const State& state, const JobSpec& spec);
Refusal unknown_reservation(const State& state, const std::string& name);

}  // namespace khu
