#pragma once

/// \file
/// What goes into the books at the end of a slice, and the books as plain data for snapshots.
/// Invariants and units: ledger.h.

#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/ledger/charge.h"
#include "core/ledger/grant.h"

namespace khu {

/// What the zone waives has a value too: `of.amount` of it at list price, borne by that funder as
/// far as its account has it. No account: nobody bears it.
struct Loss {
    MoneyPart of{};
    ZoneId zone{};
};

/// One slice of an attempt to be settled. `last`: the attempt is over and the rest goes back;
/// otherwise the rest is held again for the next slice.
struct SettleInput {
    int slice{1};
    Charge charge;
    std::string cause;  ///< "completed", ..., "period_cut"
    PartitionId partition;
    QosId qos;
    bool last{true};
    std::vector<Mvnd> paid{};  ///< list price of the charge, as HoldPlan::money; empty: no money
    Loss loss{};
};

/// What is taken back of settled slices, all amounts >= 0: `less.waived` more is waived, and so
/// much less of the others was due.
struct CorrectionInput {
    Charge less;
    std::string cause;
    std::vector<HoldPart> held;  ///< of the start: what is no longer held of it was paid
    std::vector<Mvnd> paid;      ///< back to each payer, as HoldPlan::money
    Loss loss{};
};

/// What is given back of an attempt that has ended (refund.h).
struct RefundInput {
    std::string id;  ///< with which the entries' ids begin
    EnterpriseId enterprise;
    std::string project;
    ZoneId zone;
    std::string ref;
    Charge less;
    std::vector<HoldPart> hours;
    std::vector<MoneyPart> money;
    Loss loss{};
};

struct UsedTotal {
    PartitionId partition;
    Atoms metered;
    bool operator==(const UsedTotal&) const = default;
};
KHU_DESCRIBE(UsedTotal, partition, metered)

/// Sums over the whole zone and all time.
struct LedgerTotals {
    Atoms minted;
    Atoms free;
    Atoms held;
    Atoms spent;
    Atoms expired;
    Atoms premium;
    Atoms losses;     ///< waived, borne by the zone
    Atoms discounts;  ///< factor below 100 %, borne by the zone
    Atoms used;       ///< all partitions
    Atoms clawback{};
    bool operator==(const LedgerTotals&) const = default;
};
KHU_DESCRIBE(LedgerTotals, minted, free, held, spent, expired, premium, losses, discounts, used,
             clawback)

/// The whole state, for snapshots.
struct LedgerState {
    LedgerSeq last_seq;
    std::vector<Grant> grants;
    std::vector<OpenHold> holds;
    std::vector<UsedTotal> used;
    LedgerTotals totals;
    std::vector<Purse> purses{};
    bool operator==(const LedgerState&) const = default;
};
KHU_DESCRIBE(LedgerState, last_seq, grants, holds, used, totals, purses)

}  // namespace khu
