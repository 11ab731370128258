#pragma once

/// \file
/// The calendar as the schedule sees it: nodes that are set aside for a time. Inside the window
/// only jobs that name the reservation may stand there; a job of anybody else must surely have
/// ended before the window begins, as if it used its whole limit. A job that names one stays on its
/// nodes and inside its window.
///
/// Which nodes a window has was decided before (core/machine/reservations.h); nothing is decided
/// here.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/placement/gang.h"

namespace khu {

/// One window [from, to) of a reservation. A name may have several, at different times.
struct Booking {
    std::string name;
    Moment from;
    Moment to;
    std::vector<NodeId> nodes;
    bool operator==(const Booking&) const = default;
};

/// When a job would begin, and how long it may have what it takes.
struct Stay {
    Moment from;
    Span limit;
    [[nodiscard]] Moment to() const { return from + limit; }
};

class Bookings {
public:
    Bookings() = default;
    Bookings(const Bookings&) = delete;  // on_ points into all_.
    Bookings& operator=(const Bookings&) = delete;
    Bookings(Bookings&&) = default;
    Bookings& operator=(Bookings&&) = default;
    ~Bookings() = default;

    /// In place of all that were.
    void replace(std::vector<Booking> all);
    [[nodiscard]] bool empty() const { return all_.empty(); }

    /// Whether a job that names that reservation (empty: none) may have the node for that time.
    [[nodiscard]] bool open(NodeId node, const Text& named, const Stay& stay) const {
        return blocker(node, named, stay) == nullptr &&
               (named.empty() || within(node, named, stay));
    }
    /// The first window of another reservation on the node that meets the stay; null if none does.
    [[nodiscard]] const Booking* blocker(NodeId node, const Text& named, const Stay& stay) const;
    /// The moments after `now` at which a window begins or ends, ascending.
    [[nodiscard]] std::vector<Moment> turns_after(Moment now) const;
    [[nodiscard]] std::optional<Moment> next_turn() const;
    /// Whether a window has begun or ended since this was last asked.
    bool turned(Moment now);

private:
    [[nodiscard]] bool within(NodeId node, const Text& named, const Stay& stay) const;

    std::vector<Booking> all_;                          ///< by beginning
    std::map<NodeId, std::vector<const Booking*>> on_;  ///< by beginning
    Moment seen_;                                       ///< turned() was asked then
};

/// `filter`, and only nodes that the calendar leaves to the request for that time; `filter` itself
/// if the calendar says nothing.
NodeFilter unbooked(const Bookings& bookings, const GangRequest& request, const Stay& stay,
                    NodeFilter filter);

}  // namespace khu
