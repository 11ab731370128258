#pragma once

/// \file
/// What GET /v1/events sends: one Event for each fact that the caller may see, and in between a
/// Pulse, which says where to resume. docs/formats/events.md describes both to people.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "wire/timestamp.h"

namespace khu::wire {

/// Every member is there in every event; what an event does not have is null or empty.
struct Event {
    EventSeq seq;  ///< rises by one with each fact of the zone, of whomever
    Timestamp at;
    std::string type;         ///< "job_queued"
    EnterpriseId enterprise;  ///< whose it is; empty: the zone's
    std::optional<JobId> job;
    std::optional<AttemptNumber> attempt;
    std::vector<std::string> nodes;  ///< by name
    GrantId grant;
    std::string by;     ///< who did it, where a person did
    std::string cause;  ///< of an attempt's end
    std::optional<int> exit_code;
    std::optional<bool> requeue;  ///< the job is, or will be, queued again
    std::string text;             ///< a name, a reason, a detail
};
KHU_DESCRIBE(Event, seq, at, type, enterprise, job, attempt, nodes, grant, by, cause, exit_code,
             requeue, text)

struct Pulse {
    EventSeq resume_from;  ///< nothing before it is missing
    std::string cut;       ///< why this is the last line; empty: it is not
};
KHU_DESCRIBE(Pulse, resume_from, cut)

}  // namespace khu::wire
