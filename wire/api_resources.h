#pragma once

/// \file
/// Counted resources in the API: how many there are, who has some until when, what is booked.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/policy/policy.h"
#include "wire/timestamp.h"

namespace khu::wire {

/// A job that has some. Of an enterprise whose jobs the caller may not see: job 0, and no name.
struct ResourceUse {
    JobId job;
    std::string enterprise;
    std::int64_t count{0};
    Timestamp until_at;  ///< at the latest
};
KHU_DESCRIBE(ResourceUse, job, enterprise, count, until_at)

/// Some are set aside for an enterprise; its name and that of the booking as above.
struct ResourceBooked {
    std::string reservation, enterprise;
    std::int64_t count{0};
    Timestamp from_at, to_at;
};
KHU_DESCRIBE(ResourceBooked, reservation, enterprise, count, from_at, to_at)

struct ResourceView {
    ResourceId resource;
    ResourceKind kind{};
    std::int64_t count{0};
    std::int64_t max_per_enterprise{0};   ///< 0: all of them
    std::vector<ProgrammeId> programmes;  ///< whose jobs may use it; empty: those of any
    std::vector<EnterpriseId> enterprises;
    std::int64_t in_use{0};
    std::int64_t in_use_own{0};     ///< of those, by the caller's enterprise
    std::int64_t jobs_waiting{0};   ///< that ask for it and are not held
    JobId first;                    ///< waits for it and stands first: it is kept for that job; 0
    std::vector<ResourceUse> used;  ///< those that give back first, first
    std::vector<ResourceBooked> booked;  ///< by beginning
};
KHU_DESCRIBE(ResourceView, resource, kind, count, max_per_enterprise, programmes, enterprises,
             in_use, in_use_own, jobs_waiting, first, used, booked)

/// As the policy lists them.
struct ResourcePage {
    std::vector<ResourceView> resources;
};
KHU_DESCRIBE(ResourcePage, resources)

}  // namespace khu::wire
