#pragma once

/// \file
/// Counted resources (counted.h) that an enterprise has booked for a time.

#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/jobs/rules.h"
#include "core/policy/policy_later.h"

namespace khu {

/// So many are for the jobs of an enterprise in that window, and for nobody else's.
struct CountedBooking {
    std::string id;
    EnterpriseId enterprise;
    std::vector<CountedWish> what;  ///< ascending by resource, each named once
    Window window;
    UserId by;
    bool operator==(const CountedBooking&) const = default;
};
KHU_DESCRIBE(CountedBooking, id, enterprise, what, window, by)

}  // namespace khu
