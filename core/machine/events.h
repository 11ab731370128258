#pragma once

/// \file
/// The facts: what has happened, in the order in which it happened. They are the only thing stored
/// and the only thing that changes the state; replaying them gives the same state on every machine.
/// A fact carries every choice that was made (nodes, grants, prices), so that a better algorithm
/// cannot rewrite history. Names are contracts: a stored fact of an older release must still be
/// read.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/jobs/job.h"
#include "core/ledger/charge.h"
#include "core/ledger/grant_request.h"
#include "core/ledger/ledger.h"
#include "core/ledger/meter.h"
#include "core/ledger/refund.h"
#include "core/machine/booked.h"
#include "core/machine/counted_booking.h"
#include "core/machine/reservations.h"
#include "core/policy/key_lines.h"
#include "core/policy/layer_rules.h"
#include "core/policy/policy.h"
#include "core/schedule/forecast.h"
#include "core/topology/inventory.h"

namespace khu {

// --- Jobs ----------------------------------------------------------------------

/// `spec` with every default filled in.
struct JobQueued {
    JobId job;
    JobSpec spec;
    std::string key;
    std::uint64_t request_digest{0};
    bool blocked{false};  ///< by a job of spec.when->after
};
KHU_DESCRIBE(JobQueued, job, spec, key, request_digest, blocked)

/// Every job that it waited for is as asked.
struct DependenciesMet {
    JobId job;
};
KHU_DESCRIBE(DependenciesMet, job)

/// An element of an array becomes a job of its own, in the queue.
struct ElementQueued {
    JobId array;
    JobId job;
};
KHU_DESCRIBE(ElementQueued, array, job)

/// The elements that have not begun to wait for resources will not.
struct ArrayTrimmed {
    JobId job;
    EndCause cause{};
    UserId by;  ///< empty: nobody, it follows from the state
};
KHU_DESCRIBE(ArrayTrimmed, job, cause, by)

/// The last element has ended.
struct ArrayEnded {
    JobId job;
};
KHU_DESCRIBE(ArrayEnded, job)

/// `spec` is the whole new one.
struct JobChanged {
    JobId job;
    JobSpec spec;
    UserId by;
};
KHU_DESCRIBE(JobChanged, job, spec, by)

struct JobHeld {
    JobId job;
    UserId by;
};
KHU_DESCRIBE(JobHeld, job, by)

struct JobReleased {
    JobId job;
    UserId by;
};
KHU_DESCRIBE(JobReleased, job, by)

/// What these jobs are told of their start, for the first time.
struct EtasGiven {
    std::vector<JobEta> etas;
};
KHU_DESCRIBE(EtasGiven, etas)

/// Resources and hours are taken: `terms` and `hold` stay as they are for the whole attempt. Of a
/// job with alternatives, the receipt says which one it is.
struct JobPlaced {
    JobId job;
    AttemptNumber attempt;
    Placement placement;
    PriceTerms terms;
    HoldPlan hold;
    Moment yields_at{kNever};  ///< may be told to give way from then on; kNever: never
    bool borrowed{false};      ///< with it its programme goes beyond what it owns
};
KHU_DESCRIBE(JobPlaced, job, attempt, placement, terms, hold, yields_at, borrowed)

/// The job starts on these nodes as soon as those have left that are told to give way for it (their
/// AttemptEnding follows) or were told before, by `free_by` if they keep their grace.
struct PlacePromised {
    JobId job;
    std::vector<NodeId> nodes;
    Moment free_by;
    std::vector<JobId> victims;
    int alternative{0};  ///< of the job's, the one that starts there; from 0
};
KHU_DESCRIBE(PlacePromised, job, nodes, free_by, victims, alternative)

/// A job with `or_idle` waits at that QOS from now on: at the idle class, since its hours do not
/// fit, or at the one that it asked for again.
struct QosOffered {
    JobId job;
    QosId qos;
};
KHU_DESCRIBE(QosOffered, job, qos)

/// The job stands before all others from now on, by the policy's floor; see floor.h.
struct FloorApplied {
    JobId job;
};
KHU_DESCRIBE(FloorApplied, job)

/// The promise cannot be kept any more; the job waits like any other.
struct PromiseLapsed {
    JobId job;
};
KHU_DESCRIBE(PromiseLapsed, job)

struct NodePrepared {
    JobId job;
    AttemptNumber attempt;
    NodeId node;
};
KHU_DESCRIBE(NodePrepared, job, attempt, node)

/// The first rank of the attempt runs on `node`.
struct AttemptStarted {
    JobId job;
    AttemptNumber attempt;
    NodeId node;
};
KHU_DESCRIBE(AttemptStarted, job, attempt, node)

/// The attempt declared that it can go on from `path`.
struct CheckpointDeclared {
    JobId job;
    AttemptNumber attempt;
    std::uint64_t stamp{0};
    Moment at;
    std::string path;
};
KHU_DESCRIBE(CheckpointDeclared, job, attempt, stamp, at, path)

/// The end is decided; nodes that still have something are told to give it back.
struct AttemptEnding {
    JobId job;
    AttemptNumber attempt;
    EndCause cause{};
    int exit_code{0};
    std::string detail;
    NodeId suspect;        ///< to be avoided by the next attempt; 0: none
    bool requeue{false};   ///< queue the job again when the last node has released
    Moment stop_by{};      ///< it has until then to end by itself; 0: the usual grace
    JobId gives_way_to{};  ///< 0: nobody
};
KHU_DESCRIBE(AttemptEnding, job, attempt, cause, exit_code, detail, suspect, requeue, stop_by,
             gives_way_to)

/// What another node of the gang said, or its silence, explains why a rank failed: the end is not
/// the user's. Or all was over on the head node before it heard that it was to give way. Only while
/// the end may still be revised.
struct EndingRevised {
    JobId job;
    AttemptNumber attempt;
    EndCause cause{};
    std::string detail;
    NodeId suspect;
    bool requeue{false};
    int exit_code{0};
};
KHU_DESCRIBE(EndingRevised, job, attempt, cause, detail, suspect, requeue, exit_code)

/// `rank_ran`: something of the user's ran there.
struct NodeReleased {
    JobId job;
    AttemptNumber attempt;
    NodeId node;
    bool rank_ran{false};
};
KHU_DESCRIBE(NodeReleased, job, attempt, node, rank_ran)

/// A job that was going to be queued again will not be.
struct JobCancelled {
    JobId job;
    UserId by;
};
KHU_DESCRIBE(JobCancelled, job, by)

/// Every node has released: settled, and the job is done or queued again.
struct AttemptClosed {
    JobId job;
    AttemptNumber attempt;
    bool requeue{false};
    bool hold_job{false};  ///< too many failures of the infrastructure: queued but held
    Moment not_before;
};
KHU_DESCRIBE(AttemptClosed, job, attempt, requeue, hold_job, not_before)

/// A job that has no attempt ends: cancelled while queued, or it can never start any more.
struct JobDropped {
    JobId job;
    EndCause cause{};
    UserId by;           ///< empty: nobody, it follows from the state
    std::string detail;  ///< empty: cancelled while queued
};
KHU_DESCRIBE(JobDropped, job, cause, by, detail)

// --- Policy and grants ----------------------------------------------------------------------

/// The policy is in force from this moment on.
struct PolicyApplied {
    Policy policy;
    std::string text;
    UserId by;
    KeyLines lines{};  ///< of the text; not stored with it
};
KHU_DESCRIBE(PolicyApplied, policy, text, by)

/// The policy takes effect at its `effective_from`, in place of any other that was scheduled.
struct PolicyScheduled {
    Policy policy;
    std::string text;
    UserId by;
    KeyLines lines{};  ///< of the text; not stored with it
};
KHU_DESCRIBE(PolicyScheduled, policy, text, by)

/// The moment of the scheduled policy has come.
struct PolicyTookEffect {
    PolicyId policy;
};
KHU_DESCRIBE(PolicyTookEffect, policy)

/// Its moment came, and it contradicted what had happened meanwhile; the policy in force stays.
struct PolicyDropped {
    PolicyId policy;
    std::string why;
};
KHU_DESCRIBE(PolicyDropped, policy, why)

/// Rules from above the zone are known; they bind when LayerBinds says so.
struct LayerBrought {
    LayerRules rules;
    std::string text;
    UserId by;
};
KHU_DESCRIBE(LayerBrought, rules, text, by)

/// The moment of those rules has come: the policy in force is held to them.
struct LayerBinds {
    PolicyId layer;
};
KHU_DESCRIBE(LayerBinds, layer)

struct GrantRequested {
    GrantRequest request;
};
KHU_DESCRIBE(GrantRequested, request)

/// An empty `by` is the policy itself. An approved one is followed by its GrantOpened.
struct GrantRequestDecided {
    std::uint64_t number{0};
    bool approved{false};
    std::string reason;
    std::string decision_ref;
    GrantId grant;
    UserId by;
};
KHU_DESCRIBE(GrantRequestDecided, number, approved, reason, decision_ref, grant, by)

struct GrantOpened {
    GrantOffer offer;
    UserId by;
};
KHU_DESCRIBE(GrantOpened, offer, by)

struct GrantExtended {
    GrantExtension extension;
    UserId by;
};
KHU_DESCRIBE(GrantExtended, extension, by)

struct GrantSuspended {
    GrantId grant;
    std::string reason;
    UserId by;
};
KHU_DESCRIBE(GrantSuspended, grant, reason, by)

struct GrantResumed {
    GrantId grant;
    UserId by;
};
KHU_DESCRIBE(GrantResumed, grant, by)

struct GrantClosed {
    GrantId grant;
    std::string reason;
    UserId by;
};
KHU_DESCRIBE(GrantClosed, grant, reason, by)

struct GrantAdvanced {
    GrantId grant;
    Atoms amount;
    UserId by;
};
KHU_DESCRIBE(GrantAdvanced, grant, amount, by)

/// The next tranche begins; of the rest of the one before so much of that tranche is carried.
struct TrancheTurned {
    GrantId grant;
    int carry_permille{0};
};
KHU_DESCRIBE(TrancheTurned, grant, carry_permille)

/// A point of the programme: so much was used, so much of the rest goes back; 0: enough was used.
struct PullbackReached {
    GrantId grant;
    int used_permille{0};
    int forfeit_permille{0};
};
KHU_DESCRIBE(PullbackReached, grant, used_permille, forfeit_permille)

/// At `at` the grant loses so much of the rest, if no more than `used_permille` is used by then;
/// 0: it would lose nothing.
struct PullbackWarned {
    GrantId grant;
    Moment at;
    int used_permille{0};
    int forfeit_permille{0};
};
KHU_DESCRIBE(PullbackWarned, grant, at, used_permille, forfeit_permille)

/// Its window is over, and by the terms of its programme a report is owed by `due_at`.
struct ReportOwed {
    GrantId grant;
    Moment due_at;
    bool output_required{false};
};
KHU_DESCRIBE(ReportOwed, grant, due_at, output_required)

/// It is owed by `due_at`, and that is near.
struct ReportWarned {
    GrantId grant;
    Moment due_at;
};
KHU_DESCRIBE(ReportWarned, grant, due_at)

/// `due_at` has come without it.
struct ReportLate {
    GrantId grant;
    Moment due_at;
};
KHU_DESCRIBE(ReportLate, grant, due_at)

/// A holder declares where the report is, and the open output.
struct ReportDelivered {
    GrantId grant;
    std::string report;
    std::string output;
    UserId by;
};
KHU_DESCRIBE(ReportDelivered, grant, report, output, by)

/// It does not do: another is owed by `due_at`.
struct ReportReturned {
    GrantId grant;
    std::string reason;
    Moment due_at;
    UserId by;
};
KHU_DESCRIBE(ReportReturned, grant, reason, due_at, by)

/// What other meters counted.
struct MeterRead {
    std::vector<MeterCharge> charges;
    UserId by;
};
KHU_DESCRIBE(MeterRead, charges, by)

/// Free hours of the grant go to another of the same enterprise and programme.
struct GrantTransferred {
    GrantId grant;
    GrantId to;
    Atoms amount;
    std::string decision_ref;
    UserId by;
};
KHU_DESCRIBE(GrantTransferred, grant, to, amount, decision_ref, by)

struct NamedEnterprise {
    EnterpriseId id;
    std::string name;
    std::optional<EnterpriseClass> kind{};  ///< none: named by a release that did not say
    bool operator==(const NamedEnterprise&) const = default;
};
KHU_DESCRIBE(NamedEnterprise, id, name, kind)

struct ProgrammeTier {
    ProgrammeId programme;
    Tier tier{Tier::Paid};
    bool operator==(const ProgrammeTier&) const = default;
};
KHU_DESCRIBE(ProgrammeTier, programme, tier)

/// How much of the grant the project may use from now on; `lifted`: as much as the grant has.
struct ProjectCapSet {
    GrantId grant;
    std::string project;
    Atoms cap;
    bool lifted{false};
    UserId by;
};
KHU_DESCRIBE(ProjectCapSet, grant, project, cap, lifted, by)

/// What ran before `until`, local midnight of the 1st, is settled: each row belongs to one month.
struct MonthCut {
    Moment until;
    std::string period;                  ///< that ended at `until`
    std::vector<NamedEnterprise> names;  ///< as the policy then in force has them
    std::optional<Privacy> privacy{};    ///< the same
    std::vector<ProgrammeTier> tiers{};  ///< the same
};
KHU_DESCRIBE(MonthCut, until, period, names, privacy, tiers)

/// The month that ended at `until` is final: no row of it appears any more.
struct MonthClosed {
    std::string period;
    Moment until;
};
KHU_DESCRIBE(MonthClosed, period, until)

/// The budgets of funders and the credit limits of wallets come to be those of the policy.
struct BudgetsSet {
    std::vector<Budget> budgets;
};
KHU_DESCRIBE(BudgetsSet, budgets)

/// The enterprise has paid into its wallet. `ref` is the bank's: a payment is taken once.
struct WalletPaidIn {
    EnterpriseId enterprise;
    Mvnd amount;
    std::string ref;
    UserId by;
};
KHU_DESCRIBE(WalletPaidIn, enterprise, amount, ref, by)

struct RefundAsked {
    RefundRequest request;
};
KHU_DESCRIBE(RefundAsked, request)

/// An approved one is in the books; its make-good grants follow as GrantOpened.
struct RefundDecided {
    RefundDecision decision;
};
KHU_DESCRIBE(RefundDecided, decision)

/// Every grant whose window is over gives up what is not held.
struct GrantsExpired {};
BOOST_DESCRIBE_STRUCT(GrantsExpired, (), ())

// --- Calendar ----------------------------------------------------------------------

/// The window has these nodes from now on; for the first time, or in place of those it had.
struct ReservationPlaced {
    ReservedWindow window;
};
KHU_DESCRIBE(ReservationPlaced, window)

/// The window is over, or it is wanted no more.
struct ReservationEnded {
    std::string id;
    Moment from;
};
KHU_DESCRIBE(ReservationEnded, id, from)

/// An enterprise has booked one, and all of its price is held.
struct ReservationBooked {
    Booked booked;
};
KHU_DESCRIBE(ReservationBooked, booked)

/// Its nodes are free again. `charged`: too late, it costs all the same, at the end of its window.
struct ReservationCancelled {
    std::string id;
    bool charged{false};
    UserId by;
};
KHU_DESCRIBE(ReservationCancelled, id, charged, by)

/// An enterprise has booked counted resources for a time.
struct CountedBooked {
    CountedBooking booking;
};
KHU_DESCRIBE(CountedBooked, booking)

/// They are anybody's again.
struct CountedFreed {
    std::string id;
    EnterpriseId enterprise;
    UserId by;
};
KHU_DESCRIBE(CountedFreed, id, enterprise, by)

/// The window of a booked one is over and its jobs have left: it is in the books.
struct ReservationSettled {
    std::string id;
};
KHU_DESCRIBE(ReservationSettled, id)

// --- Nodes ----------------------------------------------------------------------

/// A node registers: for the first time, or again with the next epoch, which fences its old agent.
struct NodeJoined {
    NodeId node;
    NodeName name;
    Epoch epoch;
    std::string instance;
    std::uint64_t run{0};
    std::uint64_t hello{0};
    std::string address;
    std::string version;
    Inventory inventory;
};
KHU_DESCRIBE(NodeJoined, node, name, epoch, instance, run, hello, address, version, inventory)

/// Its lease and the skew are over: nothing of ours runs there any more.
struct NodeLost {
    NodeId node;
};
KHU_DESCRIBE(NodeLost, node)

struct NodeDrained {
    NodeId node;
    std::string reason;
    UserId by;
};
KHU_DESCRIBE(NodeDrained, node, reason, by)

struct NodeResumed {
    NodeId node;
    UserId by;
};
KHU_DESCRIBE(NodeResumed, node, by)

/// Not stored: how recently a node was heard is not part of history. After a restart every node
/// that was up counts as heard at the restart, which is never too early.
struct NodeHeard {
    NodeId node;
};
KHU_DESCRIBE(NodeHeard, node)

using Fact = std::variant<
    JobQueued, DependenciesMet, ElementQueued, ArrayTrimmed, ArrayEnded, JobChanged, JobHeld,
    JobReleased, JobPlaced, NodePrepared, AttemptStarted, AttemptEnding, NodeReleased, JobCancelled,
    AttemptClosed, JobDropped, PolicyApplied, GrantOpened, GrantExtended, GrantSuspended,
    GrantResumed, GrantClosed, GrantsExpired, NodeJoined, NodeLost, NodeDrained, NodeResumed,
    NodeHeard, EndingRevised, PolicyScheduled, PolicyTookEffect, PolicyDropped, GrantRequested,
    GrantRequestDecided, BudgetsSet, WalletPaidIn, MonthCut, MonthClosed, ProjectCapSet,
    CheckpointDeclared, RefundAsked, RefundDecided, GrantAdvanced, TrancheTurned, PullbackReached,
    PullbackWarned, EtasGiven, PlacePromised, PromiseLapsed, QosOffered, ReservationPlaced,
    ReservationEnded, ReportOwed, ReportWarned, ReportLate, ReportDelivered, ReportReturned,
    GrantTransferred, ReservationBooked, ReservationCancelled, ReservationSettled, MeterRead,
    FloorApplied, LayerBrought, LayerBinds, CountedBooked, CountedFreed>;

/// True for the facts that are stored.
inline bool is_durable(const Fact& fact) {
    return !std::holds_alternative<NodeHeard>(fact);
}

}  // namespace khu
