#pragma once

/// \file
/// The typed policy of a zone: who may use what, at which price, paid by whom. It is data of the
/// province and the zone, dated and citing the act behind it; nothing of it is code. config/ reads
/// it from YAML, review.h finds what contradicts itself, the machine takes it as a fact.
///
/// Everything keyed by an id is a vector in the order of the file, because that order is the
/// policy's preference (choose()) and printing gives it back. Amounts are Atoms, money is Mvnd,
/// percentages are whole per mille. A number that limits is 0 where the policy sets no limit: the
/// reader refuses a written 0. A Moment that is absent is kNever.
///
/// Source of the model: the project's design notes on allocations (docs/architecture.md).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/policy/policy_later.h"

namespace khu {

// --- The zone ----------------------------------------------------------------------

struct Province {
    std::string code;  ///< "48"
    std::string name;
    Moment since{kNever};  ///< the province exists in this form since; kNever: not said
    bool operator==(const Province&) const = default;
};
KHU_DESCRIBE(Province, code, name, since)

struct ZoneFacts {
    ZoneId id;
    std::string name;
    Province province;
    std::vector<std::string> services;
    bool operator==(const ZoneFacts&) const = default;
};
KHU_DESCRIBE(ZoneFacts, id, name, province, services)

/// Only VND in thousandths is kept (P016); the file says it so that a reader of the file knows.
struct Currency {
    std::string currency{"VND"};
    int ledger_scale{3};
    int statement_scale{0};
    bool operator==(const Currency&) const = default;
};
KHU_DESCRIBE(Currency, currency, ledger_scale, statement_scale)

/// Thousandths of the reference GPU for one GPU of a model, one core ("cpu-core"), one GiB.
struct Weight {
    GpuModel model;
    int milli{0};  ///< 1 to 1,000,000
    bool operator==(const Weight&) const = default;
};
KHU_DESCRIBE(Weight, model, milli)

/// The price of one reference GPU-hour from a day on.
struct Price {
    Moment from_day;  ///< local midnight
    std::int64_t vnd_per_gpuh{0};
    bool operator==(const Price&) const = default;
};
KHU_DESCRIBE(Price, from_day, vnd_per_gpuh)

// --- Partitions and QOS ----------------------------------------------------------------------

/// PerGpu: asked cores and memory beyond a GPU's part count as more GPUs, rounded up.
/// MaxOf: a CPU partition; the larger of cores x weight(core) and GiB x weight(mem) is charged.
enum class ShareMode { PerGpu, MaxOf };
KHU_DESCRIBE_ENUM(ShareMode, PerGpu, MaxOf)

/// Whose jobs may stand side by side on one GPU node.
enum class Sharing { InsideEnterprise, Everybody };
KHU_DESCRIBE_ENUM(Sharing, InsideEnterprise, Everybody)

struct ShareRule {
    ShareMode mode{ShareMode::PerGpu};
    int cores_per_gpu{0};    ///< PerGpu
    int mem_gib_per_gpu{0};  ///< PerGpu
    GpuModel core;           ///< MaxOf: names in the weights
    GpuModel mem;            ///< MaxOf
    bool operator==(const ShareRule&) const = default;
};
KHU_DESCRIBE(ShareRule, mode, cores_per_gpu, mem_gib_per_gpu, core, mem)

/// MIG slices that the nodes of a partition have beside the GPUs of its `gpu`: a model of its own,
/// with its own weight and share.
struct SliceRule {
    GpuModel id;
    int per_node{0};
    int cores_per_slice{0};
    int mem_gib_per_slice{0};
    bool operator==(const SliceRule&) const = default;
};
KHU_DESCRIBE(SliceRule, id, per_node, cores_per_slice, mem_gib_per_slice)

struct TimeLimits {
    Span default_limit;  ///< 0: a job must say its own
    Span max;
    bool operator==(const TimeLimits&) const = default;
};
KHU_DESCRIBE(TimeLimits, default_limit, max)

/// A set of nodes; a node is in one partition only (P031).
/// How the jobs of a partition are ordered (core/schedule/ordering.h).
enum class OrderStrategy { FairTree, ShortestPredicted, Priority, Fifo };
KHU_DESCRIBE_ENUM(OrderStrategy, FairTree, ShortestPredicted, Priority, Fifo)

struct Partition {
    PartitionId id;
    std::vector<NodeName> nodes;  ///< expanded, in the order written
    GpuModel gpu;                 ///< empty: a CPU partition
    int gpus_per_node{0};         ///< 0 exactly if `gpu` is empty
    ShareRule share;
    TimeLimits time_limit;
    OrderStrategy order{OrderStrategy::FairTree};
    Sharing sharing{Sharing::InsideEnterprise};
    int reservations{1};              ///< jobs that wait and are promised a start; 1 to 16
    bool cpu_jobs{false};             ///< with GPUs: whether jobs that take none may run here
    std::vector<SliceRule> slices{};  ///< that jobs may ask for by their model
    bool operator==(const Partition&) const = default;
};
KHU_DESCRIBE(Partition, id, nodes, gpu, gpus_per_node, share, time_limit, order, sharing,
             reservations, cpu_jobs, slices)

/// Where nodes stand and what they have that their agents cannot see; a node is in one row only
/// (P031).
struct NodePlace {
    std::vector<NodeName> nodes;  ///< expanded, in the order written
    PlaceName room, rack, leaf_switch;
    std::vector<FeatureName> features;
    bool operator==(const NodePlace&) const = default;
};
KHU_DESCRIBE(NodePlace, nodes, room, rack, leaf_switch, features)

struct Qos {
    QosId id;
    int factor_permille{1000};  ///< multiplies the charge; 0 to 10,000
    int tier{0};                ///< orders preemption; tier 0 is the idle class
    int max_gpus_per_enterprise{0};
    Span time_limit;   ///< 0: the partition's
    Span min_runtime;  ///< not preempted before
    bool no_backfill_hold{false};
    int max_jobs_per_user{0};
    int max_gpus_per_job{0};
    bool needs_live_grant{false};
    bool operator==(const Qos&) const = default;
};
KHU_DESCRIBE(Qos, id, factor_permille, tier, max_gpus_per_enterprise, time_limit, min_runtime,
             no_backfill_hold, max_jobs_per_user, max_gpus_per_job, needs_live_grant)

/// The idle class: free, first to be preempted.
constexpr bool is_idle_class(const Qos& qos) {
    return qos.tier == 0;
}

// --- Who pays ----------------------------------------------------------------------

enum class FunderKind { National, Provincial, Zone, Donor };
KHU_DESCRIBE_ENUM(FunderKind, National, Provincial, Zone, Donor)

struct Funder {
    FunderId id;
    FunderKind kind{FunderKind::Zone};
    std::string name;
    Mvnd budget;
    Window window;
    int max_share_permille{1000};  ///< of any one split (P042)
    bool operator==(const Funder&) const = default;
};
KHU_DESCRIBE(Funder, id, kind, name, budget, window, max_share_permille)

/// The reserved payer of a split that is the enterprise itself.
inline constexpr const char* kEnterprisePayer = "enterprise";

struct SplitShare {
    FunderId payer;  ///< a funder, or kEnterprisePayer
    int permille{0};
    bool operator==(const SplitShare&) const = default;
};
KHU_DESCRIBE(SplitShare, payer, permille)

// --- Programmes ----------------------------------------------------------------------

enum class Tier { Free, Subsidised, Paid };
KHU_DESCRIBE_ENUM(Tier, Free, Subsidised, Paid)

enum class EnterpriseClass { Startup, Sme, Large, University, Institute, Agency };
KHU_DESCRIBE_ENUM(EnterpriseClass, Startup, Sme, Large, University, Institute, Agency)

/// The zone in an eligibility list that means every zone.
inline constexpr const char* kAnyZone = "*";

struct Eligible {
    std::vector<EnterpriseClass> classes;
    std::vector<ZoneId> zones;  ///< ids, or kAnyZone
    int max_per_enterprise{0};  ///< grants of this programme at one time
    int max_age_years{0};
    bool needs_permit{false};  ///< each grant must then carry `permit`
    bool operator==(const Eligible&) const = default;
};
KHU_DESCRIBE(Eligible, classes, zones, max_per_enterprise, max_age_years, needs_permit)

/// Whole: the amount is there at once. Quarter: in four parts.
enum class Tranche { Whole, Quarter };
KHU_DESCRIBE_ENUM(Tranche, Whole, Quarter)

struct GrantBounds {
    Atoms max;
    Atoms auto_approve_below;
    Span window;  ///< longest window of a grant, in whole days
    Tranche tranche{Tranche::Whole};
    bool operator==(const GrantBounds&) const = default;
};
KHU_DESCRIBE(GrantBounds, max, auto_approve_below, window, tranche)

struct ProgrammeLimits {
    int max_gpus_per_job{0};
    int max_gpus_running{0};  ///< per enterprise
    int max_jobs_queued{0};   ///< per enterprise
    int max_users{0};         ///< per enterprise
    bool operator==(const ProgrammeLimits&) const = default;
};
KHU_DESCRIBE(ProgrammeLimits, max_gpus_per_job, max_gpus_running, max_jobs_queued, max_users)

struct Carry {
    int max_permille{0};
    int times{1};
    bool operator==(const Carry&) const = default;
};
KHU_DESCRIBE(Carry, max_permille, times)

struct Pullback {
    Span after;
    int if_used_below_permille{0};
    int forfeit_of_remaining_permille{0};
    bool operator==(const Pullback&) const = default;
};
KHU_DESCRIBE(Pullback, after, if_used_below_permille, forfeit_of_remaining_permille)

/// What happens to a queued job when the grant cannot hold it.
enum class Exhausted { Deny, LowPriority, IdleOnly };
KHU_DESCRIBE_ENUM(Exhausted, Deny, LowPriority, IdleOnly)

enum class OpenOutput { NotRequired, Required };
KHU_DESCRIBE_ENUM(OpenOutput, NotRequired, Required)
enum class LateAction { None, SuspendSubmit };
KHU_DESCRIBE_ENUM(LateAction, None, SuspendSubmit)

struct Duties {
    Span report_due_after_end;  ///< 0: no report due
    OpenOutput open_output{OpenOutput::NotRequired};
    LateAction late_action{LateAction::None};
    bool operator==(const Duties&) const = default;
};
KHU_DESCRIBE(Duties, report_due_after_end, open_output, late_action)

struct Programme {
    ProgrammeId id;
    Tier tier{Tier::Paid};
    Eligible eligible;
    GrantBounds grant;
    std::vector<SplitShare> split;  ///< totals 1000 (P041)
    std::vector<QosId> qos;         ///< the first is the default
    std::vector<PartitionId> partitions;
    ProgrammeLimits limits;
    Carry carry;
    std::vector<Pullback> pullback;
    int advance_max_of_next_tranche_permille{0};
    int overrun_max_permille{0};
    Exhausted exhausted{Exhausted::IdleOnly};
    Duties duties;
    bool operator==(const Programme&) const = default;
};
KHU_DESCRIBE(Programme, id, tier, eligible, grant, split, qos, partitions, limits, carry, pullback,
             advance_max_of_next_tranche_permille, overrun_max_permille, exhausted, duties)

// --- Other services ----------------------------------------------------------------------

/// What another meter of the shared infrastructure counts, its price, and who pays it.
struct Meter {
    MeterId id;
    std::string service;            ///< one of zone.services
    std::string unit;               ///< "vcpu-hour"
    Mvnd price;                     ///< of one unit, in whole dong
    std::vector<SplitShare> split;  ///< totals 1000 (P041)
    bool operator==(const Meter&) const = default;
};
KHU_DESCRIBE(Meter, id, service, unit, price, split)

// --- Counted resources ----------------------------------------------------------------------

/// What it is, for those who read the list; all are given out alike.
enum class ResourceKind { Licence, Bench, Other };
KHU_DESCRIBE_ENUM(ResourceKind, Licence, Bench, Other)

/// What jobs need that is on no node, and of which the zone has so many: licences, lab benches.
struct CountedResource {
    ResourceId id;
    ResourceKind kind{ResourceKind::Licence};
    int count{0};
    int max_per_enterprise{0};              ///< in use at a time; 0: all of them
    std::vector<ProgrammeId> programmes;    ///< whose jobs may use it; empty: those of any
    std::vector<EnterpriseId> enterprises;  ///< the same
    bool operator==(const CountedResource&) const = default;
};
KHU_DESCRIBE(CountedResource, id, kind, count, max_per_enterprise, programmes, enterprises)

// --- Enterprises ----------------------------------------------------------------------

struct ZoneMembership {
    ZoneId zone;
    Window window;
    bool operator==(const ZoneMembership&) const = default;
};
KHU_DESCRIBE(ZoneMembership, zone, window)

enum class WalletMode { None, Prepaid, Postpaid };
KHU_DESCRIBE_ENUM(WalletMode, None, Prepaid, Postpaid)

struct Wallet {
    WalletMode mode{WalletMode::None};
    Mvnd credit_limit;  ///< Postpaid only
    bool operator==(const Wallet&) const = default;
};
KHU_DESCRIBE(Wallet, mode, credit_limit)

/// A grant as the policy gives it; its life (held, spent, suspended) is the ledger's.
struct PolicyGrant {
    GrantId id;
    ProgrammeId programme;
    Atoms amount;
    Window window;  ///< local midnights
    std::string decision_ref;
    std::string permit;
    std::string voucher{};  ///< its number where it was decided; redeemed once (P065)
    bool operator==(const PolicyGrant&) const = default;
};
KHU_DESCRIBE(PolicyGrant, id, programme, amount, window, decision_ref, permit, voucher)

struct Enterprise {
    EnterpriseId id;  ///< tax code
    std::string name;
    EnterpriseClass kind{EnterpriseClass::Startup};  ///< `class` in the file
    Moment founded{kNever};                          ///< kNever: not said
    std::vector<ZoneMembership> zones;
    Wallet wallet;
    std::vector<UserId> holders;
    std::vector<UserId> members;
    std::vector<PolicyGrant> grants;
    bool operator==(const Enterprise&) const = default;
};
KHU_DESCRIBE(Enterprise, id, name, kind, founded, zones, wallet, holders, members, grants)

// --- The whole ----------------------------------------------------------------------

struct Policy {
    PolicyId id;
    PolicyId supersedes;  ///< empty: the first policy of the zone
    Moment effective_from;
    std::string decision_ref;
    int utc_offset_minutes{420};
    Currency money;
    ZoneFacts zone;
    GpuModel reference_gpu;
    std::vector<Weight> weights;
    std::vector<Price> price_list;
    std::vector<Partition> partitions;
    std::vector<NodePlace> topology;
    std::vector<Qos> qos;
    std::vector<Funder> funders;
    std::vector<Programme> programmes;
    std::vector<Enterprise> enterprises;
    std::vector<Meter> meters;
    std::vector<CountedResource> resources;
    FairShare fairshare;
    Priority priority;
    std::vector<Borrowing> borrowing;
    Preemption preemption;
    Calendar calendar;
    Refunds refunds;
    Reports reports;
    Privacy privacy;
    bool operator==(const Policy&) const = default;
};
KHU_DESCRIBE(Policy, id, supersedes, effective_from, decision_ref, utc_offset_minutes, money, zone,
             reference_gpu, weights, price_list, partitions, topology, qos, funders, programmes,
             enterprises, meters, resources, fairshare, priority, borrowing, preemption, calendar,
             refunds, reports, privacy)

/// The policy that a fresh khud starts with ("dn-cvpm2-default": config/default_policy.h). It is
/// no decision: the first real one need not name it in `supersedes` and may take effect in the
/// past.
bool is_start_policy(const Policy& policy);

// --- Questions ----------------------------------------------------------------------

/// Each null if there is none of that id.
const Partition* find_partition(const Policy& policy, const PartitionId& id);
const Qos* find_qos(const Policy& policy, const QosId& id);
const Funder* find_funder(const Policy& policy, const FunderId& id);
const Programme* find_programme(const Policy& policy, const ProgrammeId& id);
const Enterprise* find_enterprise(const Policy& policy, const EnterpriseId& id);
const Meter* find_meter(const Policy& policy, const MeterId& id);
const CountedResource* find_resource(const Policy& policy, const ResourceId& id);
/// The partition that has the node; null if none has.
const Partition* partition_of(const Policy& policy, const NodeName& node);

/// What each node of a partition offers of one model.
struct ModelOffer {
    GpuModel model;
    int per_node{0};
    int cores{0};    ///< that go with one
    int mem_gib{0};  ///< the same
    bool operator==(const ModelOffer&) const = default;
};
/// Its `gpu` first, then its slices; none of a CPU partition.
std::vector<ModelOffer> offers_of(const Partition& partition);
/// That of `model`, of its `gpu` if that is empty; none where the partition does not offer it.
std::optional<ModelOffer> offer_of(const Partition& partition, const GpuModel& model);
/// GPUs and slices that a node of it has.
int gpus_on_node(const Partition& partition);
/// What a whole node weighs, in thousandths of the reference GPU; models without weight count 0.
std::int64_t node_weight_milli(const Policy& policy, const Partition& partition);

/// The price of a reference GPU-hour at `at`: the latest that has begun; none before the first.
std::optional<std::int64_t> rate_vnd_per_gpuh(const Policy& policy, Moment at);
/// Thousandths of the reference GPU; none if the policy gives no weight to `model`.
std::optional<int> weight_milli(const Policy& policy, const GpuModel& model);

/// The enterprise of which `user` is a member or a holder, the first in the policy's order; null if
/// none: then the user may not submit.
const Enterprise* enterprise_of(const Policy& policy, const UserId& user);
bool is_member(const Enterprise& enterprise, const UserId& user);
bool is_holder(const Enterprise& enterprise, const UserId& user);
/// Programmes in which the enterprise has a grant in the policy, in the policy's order of
/// programmes.
std::vector<ProgrammeId> programmes_of(const Policy& policy, const EnterpriseId& enterprise);

/// True if the programme lists the partition, the QOS.
bool opens(const Programme& programme, const PartitionId& partition);
bool opens(const Programme& programme, const QosId& qos);

/// What a job names of where it runs and who pays; empty where it leaves the choice to the zone.
struct Choice {
    ProgrammeId programme;
    PartitionId partition;
    QosId qos;
    bool operator==(const Choice&) const = default;
};
KHU_DESCRIBE(Choice, programme, partition, qos)

/// What choose() looks at beside the names.
struct ChoiceNeeds {
    int gpus{0};           ///< per node
    GpuModel gpu_model{};  ///< empty: any
    bool operator==(const ChoiceNeeds&) const = default;
};
KHU_DESCRIBE(ChoiceNeeds, gpus, gpu_model)

/// The programmes in which the enterprise has grants, as the ledger says.
struct GrantedProgrammes {
    std::vector<ProgrammeId> live;  ///< with a grant that is open now
    std::vector<ProgrammeId> any;   ///< with any grant
    bool operator==(const GrantedProgrammes&) const = default;
};
KHU_DESCRIBE(GrantedProgrammes, live, any)

/// Fills what `asked` leaves empty, by this rule:
///
///  * A programme suits if it opens the partition and the QOS that are named, and opens a partition
///    that suits. A partition suits a job with GPUs if it has that model (any, if none is named),
///    and a job without GPUs always.
///  * programme: of those granted and live, then of those granted, the first in the policy's
///    order that suits; if none suits, the first of them at all, so that admission can say what is
///    wrong with it.
///  * partition: the first of the programme's list that suits, a CPU partition before others if the
///    job asks for no GPUs.
///  * qos: the first of the programme's list.
///
/// What is named is kept as it is, also if it does not exist: the caller refuses it. A field stays
/// empty where the rule finds nothing.
Choice choose(const Policy& policy, const Choice& asked, const ChoiceNeeds& needs,
              const GrantedProgrammes& granted);

}  // namespace khu
