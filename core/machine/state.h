#pragma once

/// \file
/// The state of a zone: what the facts so far amount to. Only apply() changes it. The first part is
/// truth and goes into snapshots; the second is derived from it and rebuilt by restore().

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/base/units.h"
#include "core/jobs/job.h"
#include "core/ledger/grant_report.h"
#include "core/ledger/grant_request.h"
#include "core/ledger/ledger.h"
#include "core/ledger/refund.h"
#include "core/ledger/usage.h"
#include "core/machine/booked.h"
#include "core/machine/capacity.h"
#include "core/machine/counted.h"
#include "core/machine/floor_watch.h"
#include "core/machine/lending.h"
#include "core/machine/reservations.h"
#include "core/policy/key_lines.h"
#include "core/policy/layer_rules.h"
#include "core/policy/policy.h"
#include "core/policy/review.h"
#include "core/schedule/decay.h"
#include "core/schedule/run_history.h"
#include "core/schedule/scheduler.h"
#include "core/schedule/wait_stats.h"
#include "core/topology/inventory.h"
#include "core/topology/node_class.h"

namespace khu {

/// Where a queued job starts when those have left that were told to give way; see clearings.h.
struct PromisedPlace {
    std::vector<NodeId> nodes;
    Moment by;
    int alternative{0};
    bool operator==(const PromisedPlace&) const = default;
};
KHU_DESCRIBE(PromisedPlace, nodes, by, alternative)

struct NodeRecord {
    NodeId id;
    NodeName name;
    Epoch epoch;
    std::string instance;  ///< of the agent that registered last
    std::uint64_t run{0};  ///< and its process
    std::uint64_t hello{
        0};  ///< and the number of its Hello: an older one says what was, not what is
    std::string address;
    std::string version;
    Inventory inventory;
    bool up{true};  ///< false: lost, until it registers again
    bool drained{false};
    std::string drain_reason;
    Moment restarted_at;  ///< its agent came back as another process; 0: never
    bool operator==(const NodeRecord&) const = default;
};
KHU_DESCRIBE(NodeRecord, id, name, epoch, instance, run, hello, address, version, inventory, up,
             drained, drain_reason, restarted_at)

/// What was locked when an attempt took its resources.
struct AttemptBooks {
    PriceTerms terms;
    HoldPlan hold;
    PolicyId policy;   ///< in force at the start
    Moment queued_at;  ///< since when the job had waited for this attempt
    bool rank_ran{false};
    bool requeue{false};           ///< decided with its end
    NodeId suspect;                ///< blamed for its end; 0: none
    Settled settled{};             ///< at the cuts of months
    std::vector<UsageRow> rows{};  ///< of those cuts
    bool operator==(const AttemptBooks&) const = default;
};
KHU_DESCRIBE(AttemptBooks, terms, hold, policy, queued_at, rank_ran, requeue, suspect, settled,
             rows)

/// A reading of another meter that was taken.
struct KnownReading {
    std::uint64_t digest{0};
    Moment from;
    bool operator==(const KnownReading&) const = default;
};
KHU_DESCRIBE(KnownReading, digest, from)

/// What corrections have made of a reading, open month or closed.
struct CorrectedReading {
    std::int64_t quantity_micro{0};             ///< their sum
    std::map<std::string, std::uint64_t> rows;  ///< their digests, by their own names
    bool operator==(const CorrectedReading&) const = default;
};
KHU_DESCRIBE(CorrectedReading, quantity_micro, rows)

/// Which job an idempotency key made. Kept for a day.
struct KeyUse {
    JobId job;
    std::uint64_t request_digest{0};
    Moment at;
    bool operator==(const KeyUse&) const = default;
};
KHU_DESCRIBE(KeyUse, job, request_digest, at)

/// (enterprise, user, key)
using KeyName = std::string;
KeyName key_name(const EnterpriseId& enterprise, const UserId& user, const std::string& key);

/// What became of a job that has left memory, for those that want to wait for it.
struct EndedJob {
    EnterpriseId enterprise;
    EndCause cause{};
    bool operator==(const EndedJob&) const = default;
};
KHU_DESCRIBE(EndedJob, enterprise, cause)

/// A job that can never be as somebody waits for it to be; job 0: there is none, all is met.
struct DeadDependency {
    JobId job;
    EndCause cause{};
};

/// Jobs and GPUs of one enterprise in one programme, for the limits.
struct Usage {
    std::int64_t queued{0};
    std::int64_t running_gpus{0};
    std::int64_t running_jobs{0};
    Atoms per_second;  ///< what all that run are charged
    bool operator==(const Usage&) const = default;
};

/// A policy that waits for its `effective_from`. `seq`: of the fact that has its text.
struct ScheduledPolicy {
    Policy policy;
    std::string text;
    UserId by;
    Moment at;
    EventSeq seq;
    KeyLines lines{};  ///< of the text; not stored with it
    bool operator==(const ScheduledPolicy&) const = default;
};
KHU_DESCRIBE(ScheduledPolicy, policy, text, by, at, seq)

/// One policy of the zone's past; its text is in the fact `seq`.
struct PolicyRecord {
    PolicyId id;
    EventSeq seq;
    UserId by;
    Moment applied_at;    ///< when somebody applied it
    Moment effective_at;  ///< since when it was in force; kNever: it never was
    std::string decision_ref;
    std::string dropped;  ///< why it never was in force
    bool operator==(const PolicyRecord&) const = default;
};
KHU_DESCRIBE(PolicyRecord, id, seq, by, applied_at, effective_at, decision_ref, dropped)

/// Rules from above the zone, as somebody brought them; their text is in the fact `seq`.
struct LayerRecord {
    LayerRules rules;
    UserId by;
    Moment at;
    EventSeq seq;
    bool binds{false};       ///< their moment has come
    PolicyId replaced_by{};  ///< another came before that moment: they never bind
    bool operator==(const LayerRecord&) const = default;
};
KHU_DESCRIBE(LayerRecord, rules, by, at, seq, binds, replaced_by)

/// A key of the policy in force that is held to a bound, and where the bound stands.
struct HeldKey {
    std::string key;
    RuleSource source;
    bool operator==(const HeldKey&) const = default;
};
KHU_DESCRIBE(HeldKey, key, source)

struct LayerBooks {
    std::vector<LayerRecord> records;  ///< oldest first
    std::optional<Policy> written{};   ///< the policy in force as the zone wrote it; none: as it is
    std::vector<HeldKey> held{};       ///< where the two differ
    bool operator==(const LayerBooks&) const = default;
};
KHU_DESCRIBE(LayerBooks, records, written, held)

/// Where the books stood when a month had been cut: every entry up to `last` is of that month or
/// one before it.
struct MonthMark {
    std::string period;
    Moment until;
    LedgerSeq last;
    EventSeq fact;                ///< the MonthCut, which has the names
    std::string province_code{};  ///< as the policy then had it, here and below
    int public_min_enterprises{0};
    std::vector<CapacityTotal> capacity{};
    bool counted{false};  ///< by a release that counts what happens to grants
    std::vector<GrantCount> grants{};
    std::int64_t floor_lifts{0};       ///< jobs that the floor rule let go first
    std::optional<Privacy> privacy{};  ///< none: cut by a release that hid every user id
    bool operator==(const MonthMark&) const = default;
};
KHU_DESCRIBE(MonthMark, period, until, last, fact, province_code, public_min_enterprises, capacity,
             counted, grants, floor_lifts, privacy)

/// The truth, as snapshots hold it.
struct Truth {
    ZoneId zone;
    EventSeq last;  ///< the newest fact applied
    Moment last_at;
    JobId next_job{1};
    NodeId next_node{1};
    std::optional<Policy> policy;  ///< in force, held to the rules above it
    LayerBooks layers;
    std::string policy_text;
    KeyLines policy_lines;  ///< of the text; not stored with it
    UserId policy_by;
    Moment policy_at;
    std::vector<PolicyId> policy_ids;  ///< ever in force; never used again
    std::optional<ScheduledPolicy> scheduled;
    std::vector<PolicyRecord> policy_history;  ///< oldest first
    std::uint64_t next_request{1};
    std::map<std::uint64_t, GrantRequestRecord> requests;  ///< by number
    std::uint64_t next_refund{1};
    std::map<std::uint64_t, RefundRecord> refunds;  ///< by number
    std::map<AttemptKey, Refunded> refunded;
    Moment refunds_since;  ///< nothing that ended by then is refunded: `refunded` has forgotten it
    Ledger ledger;
    std::map<GrantId, GrantReport> reports;             ///< owed or delivered
    std::vector<GrantCount> grant_counts;               ///< of the month that runs
    std::map<std::string, KnownReading> readings;       ///< of months that are not closed
    std::map<std::string, CorrectedReading> corrected;  ///< readings, by name
    std::map<JobId, Job> jobs;
    std::map<JobId, AttemptBooks> books;  ///< of jobs that have a live attempt
    std::map<NodeId, NodeRecord> nodes;
    std::map<KeyName, KeyUse> keys;
    std::map<std::pair<ProgrammeId, EnterpriseId>, FadingUse> fair_use;  ///< of ended attempts
    Moment cut_until;                  ///< 0: no month was cut yet; see settle.h
    Moment closed_until;               ///< 0: none was closed
    std::string closed_period;         ///< the last that was
    std::vector<MonthMark> months;     ///< that were cut, oldest first
    CapacityMeter capacity;            ///< of the month that runs
    RunHistory history;                ///< what predictions are made of
    std::map<PartitionId, Mix> mixes;  ///< what jobs ask of a node, as they started
    WaitStats waits;                   ///< how long jobs waited, and whether that was said
    std::map<JobId, EndedJob> ended;   ///< the newest, by number
    std::map<JobId, PromisedPlace> promises;
    std::map<ReservedKey, ReservedWindow> reserved;  ///< windows that have nodes and are not over
    std::map<std::string, Booked> booked;            ///< by booked_key()
    std::map<std::string, CountedBooking> counted_booked;  ///< by name; see counted.h
    std::int64_t floor_lifts{0};  ///< in the month that runs: jobs that the floor rule let go first
    std::map<std::pair<EnterpriseId, ProgrammeId>, std::set<UserId>>
        takers;  ///< who ever submitted
};

/// The policy in force for the jobs of an enterprise that has rules of its own; see own_rules.h.
struct OwnRules {
    Policy policy;
    std::vector<HeldKey> held;  ///< where it is not the policy of all
};

class State {
public:
    explicit State(ZoneId zone);

    Truth truth;

    // --- Derived ----------------------------------------------------------------------
    Scheduler scheduler;
    ClassBook classes;
    std::map<NodeName, NodeId> node_names;
    std::map<NodeId, Moment> heard_at;          ///< last heartbeat answered; see NodeHeard
    std::map<NodeId, std::set<JobId>> jobs_on;  ///< jobs with a live attempt on the node
    std::map<std::pair<EnterpriseId, ProgrammeId>, Usage> usage;
    std::map<std::pair<EnterpriseId, QosId>, std::int64_t> qos_gpus;           ///< that run
    std::map<std::tuple<EnterpriseId, UserId, QosId>, std::int64_t> qos_jobs;  ///< that run
    std::map<ResourceId, CountedUsers> counted_use;        ///< by live attempts; none is empty
    CountedLine counted_line;                              ///< for whom some are kept
    std::map<EnterpriseId, OwnRules> own_rules;            ///< of those who have any
    std::set<std::pair<Moment, PolicyId>> layers_to_come;  ///< when rules bind that do not yet
    Lending lending;                                       ///< whose the GPUs are; see lending.h
    FloorWatch floor;                                      ///< who waits for the floor rule
    std::int64_t age_day{0};  ///< as of which ages are cut at their cap; see floor.h
    std::set<JobId> offered;  ///< queued at the idle class though they asked for another QOS
    /// Reports that are owed, by whose they are.
    std::map<std::pair<EnterpriseId, ProgrammeId>, std::set<GrantId>> reports_owed;
    std::map<JobId, Atoms> fair_holds;  ///< what running attempts may use, for the fair share
    std::set<std::pair<Moment, JobId>> job_timers;  ///< when a job must be looked at
    std::deque<std::map<KeyName, KeyUse>::const_iterator>
        key_ages;                                 ///< of truth.keys, oldest first
    TextPool names;                               ///< that jobs have in common
    std::map<JobId, std::set<JobId>> dependents;  ///< blocked jobs, by each that they wait for
    std::map<JobId, DeadDependency> settled;      ///< blocked no more; see consequence()
    std::set<JobId> arrays_due;                   ///< that do something by themselves; see arrays.h
    std::map<NodeName, NodeLocation> places;      ///< as the policy says
    Moment openings_seen;  ///< grants that opened by then have been offered to waiting jobs
    std::set<FunderId> short_funders;  ///< that kept a job waiting since they last got money back
    Moment month_due_at{kNever};       ///< next_month_event()
    Moment grant_due_at{};             ///< next_grant_event(); 0: to be found out
    Moment reservation_due_at{};       ///< next_reservation_event(); 0: to be found out
    bool budgets_due{false};           ///< the books differ from the policy; see consequence()
    Moment eta_due_at{kNever};         ///< when they are to be
    std::set<NodeId> set_aside;        ///< nodes of windows that are open
    std::set<JobId> to_close;          ///< every node has released; see consequence()

    [[nodiscard]] const Job* find_job(JobId id) const;
    [[nodiscard]] const NodeRecord* find_node(const NodeName& name) const;
    [[nodiscard]] const NodeRecord* find_node(NodeId id) const;
    /// The earliest moment at which Tick has something to do; kNever if none.
    [[nodiscard]] Moment next_wake() const;
};

/// The zone as its policy names it; as its directory does, until there is a policy.
const ZoneId& zone_name(const State& state);

/// What review() is held against: the policy in force, the grants' use, the ids ever used.
ReviewContext review_context(const State& state, Moment now);

/// Rebuilds everything derived after `state.truth` was loaded. `now` counts as the moment at which
/// every node that is up was heard.
void restore(State& state, Moment now);

}  // namespace khu
