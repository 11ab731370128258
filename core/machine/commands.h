#pragma once

/// \file
/// Everything the zone can be told: by people through the API, by agents, by the clock. A command
/// is a wish; decide() turns it into facts or a refusal. Commands are never stored.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/identity.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/jobs/spec.h"
#include "core/ledger/grant.h"
#include "core/ledger/grant_request.h"
#include "core/ledger/meter.h"
#include "core/ledger/refund.h"
#include "core/machine/counted_booking.h"
#include "core/policy/key_lines.h"
#include "core/policy/layer_rules.h"
#include "core/policy/policy.h"
#include "core/protocol/messages.h"

namespace khu {

// --- People ----------------------------------------------------------------------

/// `spec` as the user wrote it: empty names and zeros mean the zone's default. The payload travels
/// beside the command and is stored by whoever stores the facts.
struct SubmitJob {
    Identity who;
    JobSpec spec;
    std::string key;                  ///< idempotency key; empty: none
    std::uint64_t request_digest{0};  ///< of the whole request, to tell a retry from a clash
};

struct CancelJob {
    Identity who;
    JobId job;
};
struct HoldJob {
    Identity who;
    JobId job;
};
struct ReleaseJob {
    Identity who;
    JobId job;
};
/// What is to be otherwise; none: as it is.
struct JobChange {
    std::optional<std::string> name;
    std::optional<Span> time_limit;
    std::optional<Moment> not_before;  ///< 0: at once
    std::optional<Moment> deadline;    ///< 0: whenever
    std::optional<QosId> qos;
    std::optional<int> array_running_max{};               ///< of an array; 0: any number
    std::optional<std::vector<CountedWish>> resources{};  ///< in place of those it names now
};
struct UpdateJob {
    Identity who;
    JobId job;
    JobChange change;
};
/// Ends the running attempt and queues the job again; charged like a cancel.
struct RequeueJob {
    Identity who;
    JobId job;
};

/// `policy` is the file read and reviewed; `text` the file itself.
struct ApplyPolicy {
    Identity who;
    Policy policy;
    std::string text;
    PolicyId expected{};  ///< refuse if another one is in force; empty: whatever is
    KeyLines lines{};     ///< where the limits of the text stand; empty: nobody knows
};

/// `rules` is the file read; `text` the file itself.
struct ApplyLayer {
    Identity who;
    LayerRules rules;
    std::string text;
};

/// All of the offers or none. `lines`: where each stands in an imported file; empty if there is
/// none.
struct ApproveGrants {
    Identity who;
    std::vector<GrantOffer> offers;
    std::vector<std::int64_t> lines{};
};
/// `request` without number and user; an empty `from` is now, an empty `to` as late as the
/// programme allows.
struct RequestGrant {
    Identity who;
    GrantRequest request;
};
struct DecideGrantRequest {
    Identity who;
    std::uint64_t number{0};
    bool approve{false};
    std::string reason;
    std::string decision_ref;
    GrantId grant;  ///< empty: named like the request
};
struct ExtendGrant {
    Identity who;
    GrantExtension extension;
};
enum class GrantVerb { Suspend, Resume, Close };
KHU_DESCRIBE_ENUM(GrantVerb, Suspend, Resume, Close)
struct ChangeGrant {
    Identity who;
    GrantId grant;
    GrantVerb verb{};
    std::string reason;
};

/// Part of the next tranche, before its time; by a holder of the grant's enterprise, or an admin.
struct AdvanceGrant {
    Identity who;
    GrantId grant;
    Atoms amount;
};

/// Free hours go from one grant to another of the same enterprise and programme, by decision.
struct TransferGrant {
    Identity who;
    GrantId from;
    GrantId to;
    Atoms amount;
    std::string decision_ref;
};

/// Where the report that is owed for the grant is, and the open output; by a holder, or an admin.
struct DeliverReport {
    Identity who;
    GrantId grant;
    std::string report;
    std::string output;
};
/// What was delivered does not do.
struct ReturnReport {
    Identity who;
    GrantId grant;
    std::string reason;
};

/// By a holder of the grant's enterprise, or an admin. `lift`: there is no cap any more.
struct CapProject {
    Identity who;
    GrantId grant;
    std::string project;
    Atoms cap;
    bool lift{false};
};
/// A payment of the enterprise that the zone has received. The same `ref` with the same amount
/// again changes nothing.
struct PayIn {
    Identity who;
    EnterpriseId enterprise;
    Mvnd amount;
    std::string ref;
};

/// Part of what an ended attempt cost is to go back. `request` without number and user; `paid` is
/// read from the books by who makes the command; an amount of 0 is all that is left.
struct AskRefund {
    Identity who;
    RefundRequest request;
};
struct DecideRefund {
    Identity who;
    std::uint64_t number{0};
    bool approve{false};
    std::string reason;
};

/// By a holder of `enterprise`, or an admin. `what`: one window, without `every`.
struct BookReservation {
    Identity who;
    EnterpriseId enterprise;  ///< empty: the caller's
    Reservation what;
};
/// The same of counted resources, without nodes; costs nothing.
struct BookCounted {
    Identity who;
    CountedBooking what;  ///< `enterprise` empty: the caller's
};
/// Before it begins; one of counted resources at any time.
struct CancelReservation {
    Identity who;
    std::string id;
};

/// All of the readings or none. `lines`: as for ApproveGrants. `firsts`: the readings that are
/// corrected, by name, read from the books by who makes the command; what is not there is unknown.
struct TakeReadings {
    Identity who;
    std::vector<MeterReading> readings;
    std::vector<std::int64_t> lines{};
    std::map<std::string, MeterCharge> firsts{};
};

struct DrainNode {
    Identity who;
    NodeName node;
    std::string reason;
};
struct ResumeNode {
    Identity who;
    NodeName node;
};

// --- Agents ----------------------------------------------------------------------

struct RegisterNode {
    Hello hello;
};
struct HearNode {
    NodeId node;
    Epoch epoch;
    std::uint64_t number{0};
};
struct ReportFromNode {
    NodeId node;
    Epoch epoch;
    AttemptReport report;
};

// --- The clock ----------------------------------------------------------------------

/// Whatever is due: time limits, leases, windows of grants, retries.
struct Tick {};
/// One scheduling round.
struct RunRound {};
/// Tell those that wait when they will start; Tick does it too, when it is due.
struct GiveEtas {};

using Command =
    std::variant<SubmitJob, CancelJob, HoldJob, ReleaseJob, UpdateJob, RequeueJob, ApplyPolicy,
                 ApproveGrants, RequestGrant, DecideGrantRequest, ExtendGrant, ChangeGrant,
                 AdvanceGrant, CapProject, PayIn, AskRefund, DecideRefund, DrainNode, ResumeNode,
                 RegisterNode, HearNode, ReportFromNode, Tick, RunRound, GiveEtas, TransferGrant,
                 DeliverReport, ReturnReport, BookReservation, BookCounted, CancelReservation,
                 TakeReadings, ApplyLayer>;

}  // namespace khu
