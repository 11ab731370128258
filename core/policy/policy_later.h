#pragma once

/// \file
/// The parts of a policy beside its zone, programmes and enterprises: fair share, priority,
/// borrowing, preemption, calendar, refunds, report dates, privacy.

#include <limits>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu {

/// Half-open [from, to). Days of the file are turned into moments at local midnight by the policy's
/// offset, so `to: "2027-04-01"` means until the last millisecond of 31 March, zone's time.
struct Window {
    Moment from;
    Moment to{kNever};
    [[nodiscard]] bool contains(Moment at) const { return from <= at && at < to; }
    bool operator==(const Window&) const = default;
};
KHU_DESCRIBE(Window, from, to)

// --- Fair share ----------------------------------------------------------------------

struct TreeShare {
    ProgrammeId programme;
    int shares{1};
    bool operator==(const TreeShare&) const = default;
};
KHU_DESCRIBE(TreeShare, programme, shares)

enum class InsideProgramme { EqualPerEnterprise, ByGrantRate };
KHU_DESCRIBE_ENUM(InsideProgramme, EqualPerEnterprise, ByGrantRate)

/// Nobody with a live grant waits longer than `after_wait` for this many GPUs; 0: no floor.
struct Floor {
    int per_enterprise_gpus{0};
    Span after_wait;
    bool operator==(const Floor&) const = default;
};
KHU_DESCRIBE(Floor, per_enterprise_gpus, after_wait)

struct FairShare {
    Span half_life{days(14)};
    int count_idle_at_permille{100};  ///< weight of idle-class use
    std::vector<TreeShare> tree;
    InsideProgramme inside_programme{InsideProgramme::EqualPerEnterprise};
    Floor floor;
    bool operator==(const FairShare&) const = default;
};
KHU_DESCRIBE(FairShare, half_life, count_idle_at_permille, tree, inside_programme, floor)

// --- Priority ----------------------------------------------------------------------

/// How an over-drawn grant ages.
struct OverGrant {
    int used_at_least_permille{1000};
    Span age_penalty;
    int max_running_jobs{0};  ///< 0: no limit
    bool operator==(const OverGrant&) const = default;
};
KHU_DESCRIBE(OverGrant, used_at_least_permille, age_penalty, max_running_jobs)

struct AgePoints {
    int per_hour{10};
    Span cap{days(14)};
    bool operator==(const AgePoints&) const = default;
};
KHU_DESCRIBE(AgePoints, per_hour, cap)

struct Priority {
    AgePoints age;
    int fairshare_rank_max{120};  ///< points of the best rank: 12 h of age
    int qos_per_tier{100};
    std::vector<OverGrant> over_grant;
    bool operator==(const Priority&) const = default;
};
KHU_DESCRIBE(Priority, age, fairshare_rank_max, qos_per_tier, over_grant)

// --- Borrowing of GPUs (now, not of hours) and preemption ----------------------------------------

struct BorrowRule {
    ProgrammeId programme;
    int nominal_gpus{0};
    int lend{0};
    int borrow{0};
    bool operator==(const BorrowRule&) const = default;
};
KHU_DESCRIBE(BorrowRule, programme, nominal_gpus, lend, borrow)

struct Borrowing {
    PartitionId partition;
    std::vector<BorrowRule> rules;
    bool operator==(const Borrowing&) const = default;
};
KHU_DESCRIBE(Borrowing, partition, rules)

struct ChargeLost {
    Span up_to;
    FunderId payer;
    bool operator==(const ChargeLost&) const = default;
};
KHU_DESCRIBE(ChargeLost, up_to, payer)

/// The word in `order` for jobs that run on borrowed GPUs.
inline constexpr const char* kBorrowed = "borrowed";

struct Preemption {
    std::vector<std::string> order;  ///< ids of QOS, or kBorrowed; the first goes first
    Span grace{minutes(5)};
    Span min_runtime_borrowed;
    ChargeLost charge_lost;
    bool operator==(const Preemption&) const = default;
};
KHU_DESCRIBE(Preemption, order, grace, min_runtime_borrowed, charge_lost)

// --- Calendar ----------------------------------------------------------------------

struct Blackout {
    std::string id;
    Window window;  ///< instants with offset, not days
    std::vector<PartitionId> partitions;
    bool operator==(const Blackout&) const = default;
};
KHU_DESCRIBE(Blackout, id, window, partitions)

enum class ReservationCharge { WholeWindow };
KHU_DESCRIBE_ENUM(ReservationCharge, WholeWindow)

/// Nodes that are set aside in one window or in one after another: for the enterprises of a
/// programme, whose jobs are charged as any others; or for one of them, which pays for each window
/// whole, from the moment at which the policy takes effect.
struct Reservation {
    std::string id;
    EnterpriseId enterprise{};  ///< empty: any of the programme
    ProgrammeId programme;
    PartitionId partition;
    int gpus{0};    ///< set aside as whole nodes: rounded up to them
    QosId qos;      ///< of the jobs inside
    Window window;  ///< the first; instants with offset, not days
    ReservationCharge charge{ReservationCharge::WholeWindow};  ///< of one enterprise's
    Span cancel_until{hours(24)};  ///< before its window it can be given up at no cost
    Span every{};    ///< from one window's beginning to that of the next; 0: there is only one
    Moment until{};  ///< no window begins then or later
    bool operator==(const Reservation&) const = default;
};
KHU_DESCRIBE(Reservation, id, enterprise, programme, partition, gpus, qos, window, charge,
             cancel_until, every, until)

/// Its windows, ascending; at most one more than limits::reservation_windows_max.
std::vector<Window> windows_of(const Reservation& reservation);

struct Calendar {
    std::vector<Blackout> blackouts;
    std::vector<Reservation> reservations;
    bool operator==(const Calendar&) const = default;
};
KHU_DESCRIBE(Calendar, blackouts, reservations)

// --- Refunds ----------------------------------------------------------------------

/// How much of the waivable time is waived when the infrastructure ends an attempt.
struct AutomaticRefunds {
    int node_fail_permille{1000};
    int agent_lost_permille{1000};
    int launch_fail_permille{1000};
    int controller_fault_permille{1000};
    int maintenance_kill_permille{1000};
    bool operator==(const AutomaticRefunds&) const = default;
};
KHU_DESCRIBE(AutomaticRefunds, node_fail_permille, agent_lost_permille, launch_fail_permille,
             controller_fault_permille, maintenance_kill_permille)

/// Who may make one alone; the other asks for it.
enum class RefundRole { ZoneAdmin, Holder };
KHU_DESCRIBE_ENUM(RefundRole, ZoneAdmin, Holder)

struct ManualRefunds {
    Span ask_within{days(14)};
    RefundRole needs{RefundRole::ZoneAdmin};
    int max_permille{1000};
    /// Larger ones are decided by another zone admin than the one who asked; usual: none is.
    Atoms second_approver_above{std::numeric_limits<std::int64_t>::max()};
    bool operator==(const ManualRefunds&) const = default;
};
KHU_DESCRIBE(ManualRefunds, ask_within, needs, max_permille, second_approver_above)

struct Refunds {
    AutomaticRefunds automatic;
    Span checkpoint_assumed{hours(6)};  ///< a waiver never exceeds the last 6 h of an attempt
    ManualRefunds manual;
    FunderId payer;  ///< who bears the waivers; empty: the zone, unfunded
    bool operator==(const Refunds&) const = default;
};
KHU_DESCRIBE(Refunds, automatic, checkpoint_assumed, manual, payer)

// --- Reports and privacy ----------------------------------------------------------------------

/// Calendar months, because "12m" of retention is not twelve minutes. The ledger and the rows of
/// usage are never removed; `job_rows` is of what is known of finished jobs besides, `per_user` of
/// the names behind pseudonyms.
struct Retention {
    int ledger_months{120};
    int job_rows_months{60};
    int per_user_months{12};
    bool operator==(const Retention&) const = default;
};
KHU_DESCRIBE(Retention, ledger_months, job_rows_months, per_user_months)

struct Reports {
    int close_day{5};  ///< month N is final on this day of N+1
    int public_min_enterprises{5};
    Retention retention;
    bool operator==(const Reports&) const = default;
};
KHU_DESCRIBE(Reports, close_day, public_min_enterprises, retention)

/// What of a report's rows is for others than the enterprise's own people: users as pseudonyms, or
/// not at all.
enum class UserIds { Pseudonymous, Named };
KHU_DESCRIBE_ENUM(UserIds, Pseudonymous, Named)
enum class PerUserRows { HoldersOnly, Nobody };
KHU_DESCRIBE_ENUM(PerUserRows, HoldersOnly, Nobody)
enum class JobNames { HashedInPublic, Omitted };
KHU_DESCRIBE_ENUM(JobNames, HashedInPublic, Omitted)

struct Privacy {
    UserIds user_ids{UserIds::Pseudonymous};
    PerUserRows per_user_rows{PerUserRows::HoldersOnly};
    JobNames job_names{JobNames::HashedInPublic};
    bool operator==(const Privacy&) const = default;
};
KHU_DESCRIBE(Privacy, user_ids, per_user_rows, job_names)

}  // namespace khu
