#pragma once

/// \file
/// What a policy would do by itself if it took effect at its moment and the books stayed as they
/// are until then: what it books and charges, and which waiting jobs could no longer start. For
/// `khu policy check`, `diff` and `apply`; nothing is changed by looking.

#include <string>
#include <vector>

#include "core/machine/state.h"
#include "core/policy/complaint.h"

namespace khu {

/// A sentence for people, in both languages.
struct Said {
    std::string en, vi;
};

struct BookingForecast {
    std::vector<Complaint> complaints;  ///< P070 (a warning), P071
    std::vector<Said> notes;            ///< what each reservation costs, and on which grants
};
BookingForecast forecast_bookings(const State& state, const Policy& next, Moment now);

/// Of each enterprise and reason one line: how many of its jobs wait now and could not start under
/// `next`, because it does not have or open what they name.
std::vector<Said> forecast_starts(const State& state, const Policy& next);
/// The same under the policy in force, once these rules of an enterprise bind its jobs.
std::vector<Said> forecast_starts(const State& state, const LayerRules& own);

}  // namespace khu
