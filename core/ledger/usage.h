#pragma once

/// \file
/// Usage rows: one per attempt and accounting month, the truth that accounting scripts read.
///
/// An attempt that runs across local midnight of the 1st gives one row for each month, made at the
/// cut (bill_to_cut()) or, if it ends first, at its end. Money is cumulative over the attempt, so
/// that any cutting gives the same totals (I-11). Where the end waives time of a month that was
/// cut, that month's row stays as it is, and a row of kind "correction" in the month of the end
/// takes it back.
///
/// For each slice of a bill:
///
///     entries = ledger.settle(key, settle_input(slice, partition, qos), now, policy)
///     row     = usage_row(context, end, slice, entries)
///
/// Columns and their order: docs/guides/accounting.md.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/jobs/phase.h"
#include "core/ledger/charge.h"
#include "core/ledger/entry.h"
#include "core/ledger/ledger.h"

namespace khu {

/// The `end_cause` of a booked reservation's row: what its jobs did not use.
inline constexpr const char* kReservedUnused = "reserved_unused";

/// "completed", "user_error", ..., "preempted".
std::string cause_name(EndCause cause);

/// The part of an attempt inside one local month.
struct SliceBounds {
    int number{1};
    Moment start;
    Moment end;
    std::int64_t elapsed_s{0};  ///< the slices' sum is the attempt's, rounded up once
    std::string period;         ///< "2026-03"
    bool operator==(const SliceBounds&) const = default;
};

/// Half-open slices, at least one. `released` before `taken` (the clock was set back) counts as 0
/// s.
std::vector<SliceBounds> month_slices(Moment taken, Moment released, int utc_offset_minutes);

/// Local midnight of the 1st of the month that `at` lies in, and of the month after.
Moment month_start(Moment at, int utc_offset_minutes);
Moment month_end(Moment at, int utc_offset_minutes);
/// Local midnight of the 1st of "2026-03". Claims: it is a month.
Moment start_of(const std::string& period, int utc_offset_minutes);
/// "2026-03"
std::string period_of(Moment at, int utc_offset_minutes);

/// How an attempt ended.
struct AttemptEnd {
    Moment taken_at;
    Moment released_at;
    EndCause cause{};
    std::optional<int> exit_code;
    bool never_ran{false};           ///< no rank ever ran
    std::optional<Moment> saved_at;  ///< its last declared checkpoint; none: all would be lost
    Atoms held;  ///< Ledger::held(key); what would be charged beyond it is waived
};

/// One slice, charged and priced.
struct SliceBill {
    SliceBounds bounds;
    Charge charge;
    Mvnd list;
    std::vector<Mvnd> paid;  ///< as PriceTerms::payers
    Mvnd waived_list;        ///< value at list price of what the zone bears
    std::string cause;       ///< of every slice but the last: "period_cut"
    bool last{true};
};

/// What the cuts of months have settled of a running attempt.
struct Settled {
    int slices{0};
    Moment to;  ///< the next slice starts here; of no meaning while `slices` is 0
    std::int64_t elapsed_s{0};
    std::int64_t waived_s{0};  ///< beyond the hold
    std::vector<Mvnd> paid;    ///< as PriceTerms::payers
    bool operator==(const Settled&) const = default;
};
KHU_DESCRIBE(Settled, slices, to, elapsed_s, waived_s, paid)

/// What the end takes back of settled slices; amounts as in CorrectionInput.
struct Correction {
    Charge less;  ///< `waived_s`, `waived`: so much more is waived
    Mvnd list;
    std::vector<Mvnd> paid;
    Mvnd waived_list;
};

struct EndBill {
    std::optional<Correction> correction;
    std::vector<SliceBill> slices;  ///< at least one; the last is `last`
};

/// Waived seconds are the attempt's last ones, whichever slice they fall in. `end.held` is what was
/// held at the start.
EndBill bill_end(const PriceTerms& terms, const AttemptEnd& end, const Settled& settled,
                 int utc_offset_minutes);
/// The slices up to the cut at `end.released_at`, a local midnight of the 1st; none is the last.
std::vector<SliceBill> bill_to_cut(const PriceTerms& terms, const AttemptEnd& end,
                                   const Settled& settled, int utc_offset_minutes);
/// `settled` and these slices.
Settled settled_with(Settled settled, const std::vector<SliceBill>& slices);
/// Of an attempt that nothing was settled of.
std::vector<SliceBill> bill(const PriceTerms& terms, const AttemptEnd& end, int utc_offset_minutes);

SettleInput settle_input(const SliceBill& slice, const PartitionId& partition, const QosId& qos);

/// What a row says of the job, the same in all its slices.
struct UsageContext {
    ZoneId zone;
    std::string province_code;
    EnterpriseId enterprise;
    std::string enterprise_class;  ///< "startup", "sme", ...
    std::string project;           ///< empty: none
    UserId user;
    AttemptKey key;
    std::string job_name;
    std::string service;
    PartitionId partition;
    ProgrammeId programme;
    std::string tier;  ///< "free", "subsidised", "paid"
    QosId qos;
    std::vector<HoldPart> holds;  ///< of the plan; empty for the idle class
    Moment submitted_at;
    Moment queued_at;  ///< submission, or when the attempt before it ended
    Span time_limit;
    int nodes{0};
    int gpus{0};
    int cores{0};
    Bytes memory;
    GpuModel gpu_model;  ///< empty: a CPU partition
    PriceTerms terms;
    PolicyId policy;
};

/// A row of the report. Null is null, never 0 or a word.
struct UsageRow {
    int schema_version{1};
    ZoneId zone_id;
    std::string province_code;
    std::string period;
    EnterpriseId enterprise_id;
    std::string enterprise_class;
    std::optional<std::string> project;
    std::optional<UserId> user_id;
    JobId job_id;
    AttemptNumber attempt;
    int slice{1};
    std::optional<std::string> job_name;
    std::string service;
    PartitionId partition;
    ProgrammeId programme;
    std::string tier;
    QosId qos;
    std::optional<std::string> grant_ids;  ///< ";"-separated
    Moment submit_time;
    Moment slice_start;
    Moment slice_end;
    std::optional<std::int64_t> queue_wait_s;  ///< first slice of an attempt only
    std::int64_t elapsed_s{0};
    std::int64_t time_limit_s{0};
    int nodes{0};
    int gpus{0};
    int cores{0};
    std::int64_t mem_gib{0};  ///< rounded up
    std::optional<GpuModel> gpu_model;
    std::int64_t billable_milli{0};
    int qos_permille{0};
    std::int64_t rate_vnd_per_gpuh{0};
    std::string end_cause;  ///< an EndCause, "period_cut", "reserved_unused" or "correction"
    std::optional<int> exit_code;
    Atoms metered_ugs;
    Atoms surcharge_ugs;
    Atoms discount_ugs;
    Atoms waived_ugs;
    Atoms charged_ugs;
    std::string charged_gpuh;  ///< six decimals, display only
    Mvnd list_mvnd;
    Mvnd paid_national_mvnd;
    Mvnd paid_provincial_mvnd;
    Mvnd paid_zone_mvnd;
    Mvnd paid_donor_mvnd;
    Mvnd paid_enterprise_mvnd;
    Mvnd waived_list_mvnd;
    std::optional<std::int64_t> energy_wh;
    std::string row_kind{"usage"};        ///< "usage" or "correction"
    std::optional<std::string> corrects;  ///< key of the corrected row
    bool is_final{false};
    PolicyId policy_id;
    LedgerSeq ledger_seq_first;
    LedgerSeq ledger_seq_last;
    bool operator==(const UsageRow&) const = default;
};
KHU_DESCRIBE_LONG(UsageRow,
                  (schema_version, zone_id, province_code, period, enterprise_id, enterprise_class,
                   project, user_id, job_id, attempt, slice, job_name, service, partition,
                   programme, tier, qos, grant_ids, submit_time, slice_start, slice_end,
                   queue_wait_s, elapsed_s, time_limit_s, nodes, gpus, cores, mem_gib, gpu_model),
                  (billable_milli, qos_permille, rate_vnd_per_gpuh, end_cause, exit_code,
                   metered_ugs, surcharge_ugs, discount_ugs, waived_ugs, charged_ugs, charged_gpuh,
                   list_mvnd, paid_national_mvnd, paid_provincial_mvnd, paid_zone_mvnd,
                   paid_donor_mvnd, paid_enterprise_mvnd, waived_list_mvnd, energy_wh, row_kind,
                   corrects, is_final, policy_id, ledger_seq_first, ledger_seq_last))

/// `entries` are those that settling this slice gave (their seqs go into the row; none: both 0).
UsageRow usage_row(const UsageContext& context, const AttemptEnd& end, const SliceBill& slice,
                   const std::vector<Entry>& entries);
/// The row of a correction of the slices up to `settled`, in the month of the end.
UsageRow correction_row(const UsageContext& context, const AttemptEnd& end, const Settled& settled,
                        const Correction& correction, int utc_offset_minutes);
/// `entries` are those of the correction.
void trace_to(UsageRow& row, const std::vector<Entry>& entries);

}  // namespace khu
