// Refunds of ended attempts against a model that knows only the sums: whatever parts they come in,
// nobody gets more than it paid, the whole is the whole, and the books stay in balance (I-05,
// I-22).

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "core/ledger/recount.h"
#include "core/ledger/refund.h"

namespace khu {
namespace {

const PolicyId policy{"p"};
const EnterpriseId enterprise{"0401000001"};
constexpr Moment start{1'772'413'200'000};
constexpr AttemptKey key{JobId{7}, AttemptNumber{2}};

struct Ran {
    Ledger ledger;
    std::vector<Entry> entries;
    PaidAttempt paid;

    void take(const Ledger::Entries& made) {
        entries.insert(entries.end(), made.begin(), made.end());
    }
};

PriceTerms any_terms() {
    const int share = *rc::gen::inRange(0, 1001);
    return {.billable_milli = *rc::gen::inRange<std::int64_t>(1, 40'000),
            .factor_permille = *rc::gen::element(250, 500, 1000, 1500),
            .rate_vnd_per_gpuh = *rc::gen::inRange<std::int64_t>(0, 60'000),
            .payers = {{PayerKind::National, FunderId{"f"}, share},
                       {PayerKind::Enterprise, FunderId{"enterprise"}, 1000 - share}}};
}

void open(Ran& ran, const std::string& id, Atoms amount, Span window) {
    ran.take(ran.ledger.open({.id = GrantId{id},
                              .enterprise = enterprise,
                              .programme = ProgrammeId{"kn"},
                              .amount = amount,
                              .from = start,
                              .to = start + window,
                              .decision_ref = ""},
                             start, policy));
}

/// An attempt that two grants and two payers paid, cut at midnights of the month.
Ran any_attempt() {
    Ran ran;
    const PriceTerms terms = any_terms();
    const std::int64_t elapsed = *rc::gen::inRange<std::int64_t>(1, 40LL * 86'400);
    const Atoms need = hold_for(terms, seconds(elapsed));
    const Atoms first{*rc::gen::inRange<std::int64_t>(1, need.value + 1)};
    open(ran, "a", first, days(400));
    open(ran, "b", need, days(500));
    ran.take(ran.ledger.set_budget({"funder:f", Mvnd{9'000'000'000'000'000}}, start, policy));
    auto plan = ran.ledger.can_hold(enterprise, ProgrammeId{"kn"}, need, start);
    RC_ASSERT(plan.has_value());
    plan->zone = ZoneId{"z"};
    const std::vector<Mvnd> money = money_holds(terms, need, seconds(elapsed));
    plan->money = {{"funder:f", money[0]}, {"owed:0401000001", money[1]}};
    ran.take(ran.ledger.hold(key, *plan, start, policy));
    const auto cause = *rc::gen::element(EndCause::Completed, EndCause::NodeFail);
    UsageRow last;
    for (const SliceBill& slice : bill(terms,
                                       {.taken_at = start,
                                        .released_at = start + seconds(elapsed),
                                        .cause = cause,
                                        .exit_code = 0,
                                        .held = need},
                                       420)) {
        ran.take(ran.ledger.settle(key, settle_input(slice, PartitionId{"gpu"}, QosId{"q"}),
                                   slice.bounds.end, policy));
        last.slice = slice.bounds.number;
        last.slice_end = slice.bounds.end;
    }
    last.rate_vnd_per_gpuh = terms.rate_vnd_per_gpuh;
    last.enterprise_id = enterprise;
    last.zone_id = ZoneId{"z"};
    ran.paid = paid_attempt(last, key, ran.entries);
    for (const MoneyPart& part : ran.paid.money) {
        const bool own = part.account.starts_with("owed:");
        ran.paid.kinds.push_back(own ? PayerKind::Enterprise : PayerKind::National);
    }
    return ran;
}

Recount recounted(const Ran& ran) {
    Recount books;
    for (const Entry& entry : ran.entries) {
        RC_ASSERT(books.add(entry) == std::nullopt);
    }
    RC_ASSERT(books.finish() == std::nullopt);
    return books;
}

RC_GTEST_PROP(RefundProperty, PartsAreTheWholeToTheLastAtomAndMvnd, ()) {
    Ran ran = any_attempt();
    const PaidAttempt& paid = ran.paid;
    RC_ASSERT(paid.charged ==
              ran.ledger.find(GrantId{"a"})->spent + ran.ledger.find(GrantId{"b"})->spent);
    Refund sum;
    Mvnd row_list;
    int times = 0;
    while (sum.less.charged < paid.charged) {
        const Atoms left = paid.charged - sum.less.charged;
        const Atoms amount =
            times > 5 ? left : Atoms{*rc::gen::inRange<std::int64_t>(1, left.value + 1)};
        const Refund back = refund_part(paid, sum, amount);
        RC_ASSERT(back.less.charged == amount);
        RC_ASSERT(back.less.surcharge >= Atoms{0} && back.less.discount >= Atoms{0} &&
                  back.less.waived >= Atoms{0} && back.list >= Mvnd{0});
        ran.take(ran.ledger.refund({.id = refund_id(key, ++times),
                                    .enterprise = enterprise,
                                    .project = "",
                                    .zone = ZoneId{"z"},
                                    .ref = "r",
                                    .less = back.less,
                                    .hours = back.hours,
                                    .money = back.money},
                                   start + days(50), policy));
        const UsageRow row = refund_row(paid, back, start + days(50), 420);
        RC_ASSERT(row.charged_ugs ==  // I-13
                  row.metered_ugs + row.surcharge_ugs - row.discount_ugs - row.waived_ugs);
        RC_ASSERT(row.paid_national_mvnd + row.paid_enterprise_mvnd == row.list_mvnd);  // I-12
        row_list += row.list_mvnd;
        sum = sum_of(std::move(sum), back);
        RC_ASSERT(ran.ledger.audit().empty());
    }

    const Recount books = recounted(ran);
    RC_ASSERT(ran.ledger.find(GrantId{"a"})->spent == Atoms{0});
    RC_ASSERT(ran.ledger.find(GrantId{"b"})->spent == Atoms{0});
    RC_ASSERT(ran.ledger.totals().premium == Atoms{0});
    RC_ASSERT(ran.ledger.totals().discounts == Atoms{0});
    RC_ASSERT(ran.ledger.totals().losses == ran.ledger.totals().used);
    RC_ASSERT(books.posted("revenue:z") == 0);
    RC_ASSERT(books.posted("owed:0401000001") == 0);
    RC_ASSERT(books.posted("used:gpu") == ran.ledger.totals().used.value);
    std::int64_t paid_list = 0;
    for (const MoneyPart& part : paid.money) {
        paid_list += part.amount.value;
    }
    RC_ASSERT(row_list.value == -paid_list);
}

RC_GTEST_PROP(RefundProperty, WhatAnAttemptPaidIsReadTheSameAfterARefund, ()) {
    Ran ran = any_attempt();
    RC_PRE(ran.paid.charged > Atoms{1});
    const Atoms amount{*rc::gen::inRange<std::int64_t>(1, ran.paid.charged.value)};
    const Refund back = refund_part(ran.paid, {}, amount);
    ran.take(ran.ledger.refund({.id = refund_id(key, 1),
                                .enterprise = enterprise,
                                .project = "",
                                .zone = ZoneId{"z"},
                                .ref = "r",
                                .less = back.less,
                                .hours = back.hours,
                                .money = back.money},
                               start + days(50), policy));

    PaidAttempt again = paid_attempt(ran.paid.last, key, ran.entries);
    again.kinds = ran.paid.kinds;

    RC_ASSERT(again == ran.paid);
}

}  // namespace
}  // namespace khu
