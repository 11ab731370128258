#pragma once

/// \file
/// A refund that somebody decides after an attempt has ended. What the attempt cost is read from
/// the entries of the books, never from memory, so that it can be asked for weeks later:
///
///     paid = paid_attempt(last row of usage, entries of the attempt)
///     back = refund_part(paid, what was refunded of it before, amount)
///     entries = ledger.refund({...back}), row = refund_row(paid, back, ...)
///
/// A refund is waived time in all but its cause: hours go back to the grants that paid, the last of
/// them first; the premium and the price go back in proportion. Each is cumulative, so that two
/// halves are the whole to the last atom and mvnd. Never more than was charged, never to another
/// enterprise (I-22). The row is a correction in the month of the decision.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/ledger/charge.h"
#include "core/ledger/entry.h"
#include "core/ledger/grant.h"
#include "core/ledger/grant_request.h"
#include "core/ledger/usage.h"

namespace khu {

/// What an attempt that has ended cost, with what its end corrected, without later refunds.
struct PaidAttempt {
    UsageRow last;  ///< of its last slice: whose, where, when it ended
    Atoms charged, surcharge, discount, waived;
    std::vector<HoldPart> hours;   ///< by grant, in the order of the hold; sum to `charged`
    std::vector<MoneyPart> money;  ///< by payer; sum to the list price
    std::vector<PayerKind> kinds;  ///< of `money`; the books do not know them
    bool operator==(const PaidAttempt&) const = default;
};
KHU_DESCRIBE(PaidAttempt, last, charged, surcharge, discount, waived, hours, money, kinds)

/// `entries`: all of the attempt, in order. `kinds` are left to the caller.
PaidAttempt paid_attempt(const UsageRow& last, AttemptKey key, const std::vector<Entry>& entries);

/// What goes back. `less.waived` more is waived, and so much less of the others was due.
struct Refund {
    Charge less;
    Mvnd list, waived_list;
    std::vector<HoldPart> hours;   ///< as PaidAttempt
    std::vector<MoneyPart> money;  ///< as PaidAttempt
    bool operator==(const Refund&) const = default;
};
KHU_DESCRIBE(Refund, less, list, waived_list, hours, money)

/// All refunds of one attempt so far.
struct Refunded {
    AttemptKey key;
    Moment ended_at;
    int times{0};
    Refund total;
    bool operator==(const Refunded&) const = default;
};
KHU_DESCRIBE(Refunded, key, ended_at, times, total)

/// Claims: 0 < `amount`, and with what went back before at most what was charged.
Refund refund_part(const PaidAttempt& paid, const Refund& before, Atoms amount);
/// `so_far` and `more`.
Refund sum_of(Refund so_far, const Refund& more);

/// "1001.1.f2", with which the ids of its entries begin.
std::string refund_id(AttemptKey key, int times);
/// In the month of `at`. Claims: `paid.kinds` is filled.
UsageRow refund_row(const PaidAttempt& paid, const Refund& back, Moment at, int utc_offset_minutes);

/// A refund that somebody asked for.
struct RefundRequest {
    std::uint64_t number{0};  ///< 1, 2, ... within the zone
    AttemptKey key;
    PaidAttempt paid;
    Atoms amount;
    std::string reason;
    UserId by;
    bool operator==(const RefundRequest&) const = default;
};
KHU_DESCRIBE(RefundRequest, number, key, paid, amount, reason, by)

/// What a decision has fixed.
struct RefundDecision {
    std::uint64_t number{0};
    bool approved{false};
    std::string reason;
    UserId by;
    Refund back;                       ///< nothing if it was refused
    std::vector<GrantId> made_good{};  ///< new grants, where those that paid are over
    bool operator==(const RefundDecision&) const = default;
};
KHU_DESCRIBE(RefundDecision, number, approved, reason, by, back, made_good)

struct RefundRecord {
    RefundRequest request;
    RequestState state{RequestState::Waiting};
    Moment asked_at;
    UserId decided_by;
    Moment decided_at;
    std::string reason;
    std::vector<GrantId> made_good;
    bool operator==(const RefundRecord&) const = default;
};
KHU_DESCRIBE(RefundRecord, request, state, asked_at, decided_by, decided_at, reason, made_good)

/// "RF-7", as people name it.
std::string refund_name(std::uint64_t number);

}  // namespace khu
