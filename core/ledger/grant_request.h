#pragma once

/// \file
/// What an enterprise asks for: a grant that does not exist yet. A request below the programme's
/// bound is approved by the policy at once; any other waits until a zone admin decides it. It holds
/// nothing: only the grant that comes of it does.
///
///     Waiting -> Approved | Refused

#include <cstdint>
#include <string>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu {

struct GrantRequest {
    std::uint64_t number{0};  ///< 1, 2, ... within the zone
    EnterpriseId enterprise;
    ProgrammeId programme;
    Atoms amount;  ///< > 0
    Moment from;
    Moment to;            ///< > from
    std::string purpose;  ///< in the holder's words
    std::string permit;   ///< of a sandbox; empty where none is needed
    UserId by;
    bool operator==(const GrantRequest&) const = default;
};
KHU_DESCRIBE(GrantRequest, number, enterprise, programme, amount, from, to, purpose, permit, by)

enum class RequestState { Waiting, Approved, Refused };
KHU_DESCRIBE_ENUM(RequestState, Waiting, Approved, Refused)

struct GrantRequestRecord {
    GrantRequest request;
    RequestState state{RequestState::Waiting};
    Moment asked_at;
    UserId decided_by;  ///< empty: not yet, or the policy itself
    Moment decided_at;
    std::string reason;
    std::string decision_ref;
    GrantId grant;  ///< that came of it
    bool operator==(const GrantRequestRecord&) const = default;
};
KHU_DESCRIBE(GrantRequestRecord, request, state, asked_at, decided_by, decided_at, reason,
             decision_ref, grant)

/// "RQ-7", as people name it; its grant has the same name unless the admin gives another.
std::string request_name(std::uint64_t number);

}  // namespace khu
