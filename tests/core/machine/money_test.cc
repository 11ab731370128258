// Who pays: linked holds of hours and money, short wallets and budgets, funders' windows.
#include <gtest/gtest.h>

#include "tests/core/machine/zone_books.h"

namespace khu {
namespace {

using testing::admin;
using testing::job_of;
using testing::member_of;
using testing::sao_mai;
using testing::small_policy;
using testing::song_han;
using testing::Zone;

const std::string wallet = "wallet:0401000002";
const std::string funder = "funder:zone-test";

/// 8 GPUs for 2 h at 27,000 VND/GPUh; half of it each for song_han and the zone, and one mvnd for
/// each month that it can touch.
constexpr Mvnd half{216'000'000};
constexpr Mvnd slack{2};

Policy with_wallet(Wallet kept, Mvnd budget = Mvnd{1'000'000'000'000}) {
    Policy policy = small_policy();
    policy.enterprises[1].wallet = kept;
    policy.funders[0].budget = budget;
    return policy;
}

PayIn payment(Mvnd amount, const std::string& ref = "FT-1") {
    return {.who = admin(), .enterprise = song_han, .amount = amount, .ref = ref};
}

const Purse& purse(const Zone& zone, const std::string& account) {
    const Purse* found = zone.machine.state().truth.ledger.find_purse(account);
    KHU_CHECK(found != nullptr, "{}", account);
    return *found;
}

std::string phase(const Zone& zone, JobId job) {
    return phase_name(zone.job(job)->phase);
}

Reason why(Zone& zone, JobId job) {
    const auto reason = zone.machine.borrow().scheduler.why(job, zone.now);
    KHU_CHECK(reason.has_value());
    return *reason;
}

TEST(Wallets, AShortPrepaidWalletKeepsTheJobWaitingAndHoldsNothing_A114) {
    Zone zone{with_wallet({.mode = WalletMode::Prepaid})};
    ASSERT_FALSE(zone.tell(payment(half)).refusal.has_value());

    const JobId job = zone.submit(job_of(1, 8), song_han);

    EXPECT_EQ(phase(zone, job), "queued");
    EXPECT_EQ(text(why(zone, job), Language::English),
              "the part of 0401000002 in the price is 216,000.002 đ, its wallet has 216,000 đ free "
              "and 0 đ held: 0.002 đ short");
    EXPECT_EQ(zone.grant("G2").held, Atoms{0});  // I-17
    EXPECT_EQ(purse(zone, funder).held, Mvnd{0});
}

TEST(Wallets, APaymentStartsTheJobAndTheEndGivesBackTheRest) {
    Zone zone{with_wallet({.mode = WalletMode::Prepaid})};
    const JobId job = zone.submit(job_of(1, 8), song_han);

    ASSERT_FALSE(zone.tell(payment(half + slack)).refusal.has_value());
    zone.round();
    ASSERT_EQ(phase(zone, job), "starting");
    EXPECT_EQ(available(purse(zone, wallet)), Mvnd{0});
    zone.run_to_end(job, hours(1));

    EXPECT_EQ(purse(zone, wallet).spent, Mvnd{108'000'000});
    EXPECT_EQ(purse(zone, wallet).held, Mvnd{0});
    EXPECT_EQ(available(purse(zone, wallet)), half + slack - Mvnd{108'000'000});
    EXPECT_EQ(purse(zone, funder).spent, Mvnd{108'000'000});
    const Recount books = recounted(zone);
    EXPECT_EQ(books.posted("revenue:test"), 216'000'000);
    EXPECT_EQ(books.available(wallet), available(purse(zone, wallet)).value);
}

TEST(Wallets, APostpaidWalletPaysUpToItsCreditLimit) {
    Zone zone{with_wallet({.mode = WalletMode::Postpaid, .credit_limit = half + slack})};

    const JobId first = zone.submit(job_of(1, 8), song_han);
    const JobId second = zone.submit(job_of(1, 8), song_han);

    EXPECT_EQ(phase(zone, first), "starting");
    EXPECT_EQ(phase(zone, second), "queued");
    EXPECT_EQ(why(zone, second).code, Code::WalletShort);
}

TEST(Wallets, WithoutAWalletTheEnterpriseOwesItsPart) {
    Zone zone;
    const JobId job = zone.submit(job_of(1, 8), song_han);

    zone.run_to_end(job, hours(1));

    EXPECT_EQ(purse(zone, "owed:0401000002").spent, Mvnd{108'000'000});
    EXPECT_EQ(zone.tell(payment(half)).refusal->code, Code::NoWallet);
}

TEST(Wallets, APaymentIsTakenOnce) {
    Zone zone{with_wallet({.mode = WalletMode::Prepaid})};

    zone.tell(payment(half));
    const Outcome same = zone.tell(payment(half));
    const Outcome other = zone.tell(payment(slack));
    PayIn by_member = payment(half, "FT-2");
    by_member.who = member_of(song_han);

    EXPECT_TRUE(same.existed);
    EXPECT_EQ(other.refusal->code, Code::PaymentTaken);
    EXPECT_EQ(zone.tell(by_member).refusal->code, Code::Forbidden);
    EXPECT_EQ(zone.tell(payment(Mvnd{0}, "FT-3")).refusal->code, Code::BadField);
    EXPECT_EQ(zone.tell(payment(half, "")).refusal->code, Code::BadField);
    EXPECT_EQ(purse(zone, wallet).paid_in, half);
}

TEST(Funders, ARoundPromisesABudgetOnce_A115) {
    // Enough for one of two jobs of different enterprises that become startable in one round.
    Zone zone{with_wallet({}, half * 2 + slack * 2)};
    const auto submit = [&](const EnterpriseId& owner) {
        return zone.tell(SubmitJob{.who = member_of(owner), .spec = job_of(1, 8), .key = ""}).job;
    };
    const JobId first = submit(song_han);
    const JobId second = submit(sao_mai);

    zone.round();

    EXPECT_EQ(phase(zone, first), "starting");
    EXPECT_EQ(phase(zone, second), "queued");
    EXPECT_EQ(text(why(zone, second), Language::English),
              "the part of funder zone-test in the price is 432,000.002 đ, its budget has "
              "216,000.002 đ free and 216,000.002 đ held: 216,000 đ short");
    EXPECT_EQ(zone.grant("G1").held, Atoms{0});
}

TEST(Funders, WhatAnotherEnterpriseGivesBackStartsTheJobThatWaitedForIt) {
    Zone zone{with_wallet({}, half * 3)};
    const JobId first = zone.submit(job_of(1, 8), song_han);
    const JobId second = zone.submit(job_of(1, 8), sao_mai);
    ASSERT_EQ(phase(zone, second), "queued");

    zone.run_to_end(first, minutes(1));

    EXPECT_EQ(phase(zone, second), "starting");
    recounted(zone);
}

TEST(Funders, OnlyAnOpenWindowPays_A119) {
    Policy policy = small_policy();
    const Moment opens = Zone(0).now + days(1);
    policy.funders[0].window = {.from = opens, .to = opens + hours(1)};
    Zone zone{policy};
    const JobId job = zone.submit(job_of(1, 8));

    ASSERT_EQ(phase(zone, job), "queued");
    EXPECT_EQ(why(zone, job).code, Code::FunderClosed);
    EXPECT_LE(zone.machine.next_wake(), opens);
    zone.now = opens;
    zone.round();
    EXPECT_EQ(phase(zone, job), "starting");
    zone.now = opens + hours(1);  // A hold made in the window settles after it.
    zone.run_to_end(job, minutes(30));
    EXPECT_EQ(purse(zone, funder).spent, Mvnd{324'000'000});
    zone.pass(hours(1));
    EXPECT_EQ(phase(zone, zone.submit(job_of(1, 8))), "queued");
}

TEST(Funders, APolicyRaisesAndLowersBudgets) {
    Zone zone{with_wallet({.mode = WalletMode::Postpaid, .credit_limit = half})};
    Policy next = with_wallet({.mode = WalletMode::Postpaid, .credit_limit = half * 2}, half);
    next.id = PolicyId{"test-2"};
    next.supersedes = PolicyId{"test-1"};
    next.effective_from = zone.now + minutes(1);

    ASSERT_FALSE(zone.tell(ApplyPolicy{admin(), next, "p2"}).refusal.has_value());
    zone.pass(minutes(1));
    zone.tell(Tick{});

    EXPECT_EQ(available(purse(zone, wallet)), half * 2);
    EXPECT_EQ(available(purse(zone, funder)), half);
    EXPECT_EQ(recounted(zone).posted(funder), half.value);
}

TEST(MoneyReplay, GivesTheSamePurses) {
    Zone zone{with_wallet({.mode = WalletMode::Prepaid})};
    zone.tell(payment(half * 4));
    const JobId job = zone.submit(job_of(1, 8), song_han);
    zone.submit(job_of(1, 8), song_han);
    zone.run_to_end(job, minutes(7));

    Machine again{ZoneId{"test"}};
    for (const Stamped& fact : zone.history) {
        again.replay(fact);
    }

    EXPECT_EQ(again.state().truth.ledger.state(), zone.machine.state().truth.ledger.state());
}

/// The same history as a khud without money wrote it.
std::vector<Stamped> without_money(const std::vector<Stamped>& history) {
    std::vector<Stamped> old;
    for (Stamped stamped : history) {
        if (std::holds_alternative<BudgetsSet>(stamped.fact)) {
            continue;
        }
        if (auto* placed = std::get_if<JobPlaced>(&stamped.fact)) {
            placed->hold.money.clear();
            placed->hold.zone = ZoneId{};
        }
        stamped.seq = EventSeq{old.size() + 1};
        old.push_back(std::move(stamped));
    }
    return old;
}

TEST(MoneyReplay, AnOlderHistoryIsReadAndItsAttemptsEndWithoutMoney) {
    Zone zone;
    const JobId job = zone.submit(job_of(1, 8), song_han);
    Zone later{0};
    later.machine = Machine{ZoneId{"test"}};
    later.effects.clear();
    for (const Stamped& fact : without_money(zone.history)) {
        later.machine.replay(fact);
    }
    const Ledger& books = later.machine.state().truth.ledger;
    EXPECT_TRUE(books.purses().empty());
    later.machine.recovered(later.now);

    later.round();  // The budgets of the policy in force are taken over at once.
    EXPECT_GT(purse(later, funder).budget, Mvnd{0});
    later.run_to_end(job, hours(1));

    EXPECT_EQ(later.job(job), nullptr);
    EXPECT_EQ(purse(later, funder).spent, Mvnd{0});
    EXPECT_EQ(purse(later, funder).held, Mvnd{0});
}

}  // namespace
}  // namespace khu
