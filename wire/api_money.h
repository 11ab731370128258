#pragma once

/// \file
/// The part of the API (wire/api.h) that speaks of money: accounts, payments, refunds.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "wire/timestamp.h"

namespace khu::wire {

/// An account of money: a funder's budget, an enterprise's wallet, or what one without a wallet
/// owes. available = budget + paid in - held - spent.
struct PurseView {
    std::string kind;         ///< "national", ..., "donor"; "prepaid", "postpaid", "owed"
    std::string owner, name;  ///< funder id or tax code
    Mvnd budget_mvnd;         ///< of a postpaid wallet: the credit limit
    Mvnd paid_in_mvnd, held_mvnd, spent_mvnd, available_mvnd;
    Timestamp from_at, to_at;  ///< a funder's window
};
KHU_DESCRIBE(PurseView, kind, owner, name, budget_mvnd, paid_in_mvnd, held_mvnd, spent_mvnd,
             available_mvnd, from_at, to_at)

struct PursePage {
    std::vector<PurseView> purses;
    std::string next;  ///< as in JobPage
};
KHU_DESCRIBE(PursePage, purses, next)

/// A payment that the zone has received; the same `ref` again is taken once.
struct PaymentRequest {
    Mvnd amount_mvnd;
    std::string ref;
};
KHU_DESCRIBE(PaymentRequest, amount_mvnd, ref)

/// What will happen to a grant by itself.
struct GrantAhead {
    GrantId grant;
    std::string event;  ///< "tranche", "pullback", "end"
    Timestamp happens_at;
    Atoms gained_ugs;                      ///< by the tranche that begins
    Atoms lost_ugs;                        ///< of what is free now
    std::int64_t unless_used_permille{0};  ///< of a pullback: nothing is lost if so much is used
};
KHU_DESCRIBE(GrantAhead, grant, event, happens_at, gained_ugs, lost_ugs, unless_used_permille)

/// Part of what an ended attempt cost is to go back. `attempt` 0: its last; `amount_ugs` 0: all
/// that may be.
struct RefundAsk {
    JobId job;
    AttemptNumber attempt;
    Atoms amount_ugs;
    std::string reason;
};
KHU_DESCRIBE(RefundAsk, job, attempt, amount_ugs, reason)

struct RefundView {
    std::string refund;  ///< "RF-7"
    JobId job;
    AttemptNumber attempt;
    std::string enterprise;
    std::string state;  ///< "waiting", "approved", "refused"
    std::string asked_by, reason, decided_by, decision;
    Atoms charged_ugs;                   ///< what the attempt had cost
    Atoms amount_ugs;                    ///< what was asked, and goes back if it is approved
    Mvnd list_mvnd;                      ///< the price of the attempt
    std::vector<std::string> made_good;  ///< new grants, where those that paid are over
    Timestamp ended_at, asked_at, decided_at;
};
KHU_DESCRIBE(RefundView, refund, job, attempt, enterprise, state, asked_by, reason, decided_by,
             decision, charged_ugs, amount_ugs, list_mvnd, made_good, ended_at, asked_at,
             decided_at)

struct RefundPage {
    std::vector<RefundView> refunds;
};
KHU_DESCRIBE(RefundPage, refunds)

/// What another meter counted for an enterprise; [from, to) lies within one month.
struct Reading {
    std::string meter, row, enterprise;
    std::int64_t quantity_micro{0};  ///< millionths of the meter's unit; of a correction also < 0
    Timestamp from_at, to_at;
    std::string corrects;  ///< "2026-03/METER/ROW": what it corrects, with the next two; or empty
    std::string reason, decision_ref;
};
KHU_DESCRIBE(Reading, meter, row, enterprise, quantity_micro, from_at, to_at, corrects, reason,
             decision_ref)

/// All of them or none.
struct Readings {
    std::vector<Reading> readings;
};
KHU_DESCRIBE(Readings, readings)

struct ReadingsTaken {
    std::int64_t taken{0};    ///< of the readings sent: all
    std::int64_t existed{0};  ///< of them: were taken before
};
KHU_DESCRIBE(ReadingsTaken, taken, existed)

}  // namespace khu::wire
