#include "core/ledger/ledger.h"

#include <gtest/gtest.h>

#include "core/ledger/usage.h"

namespace khu {
namespace {

const PolicyId policy{"p1"};
const EnterpriseId sao_mai{"0401000001"};
const ProgrammeId kn80{"kn-80"};
const PartitionId h100{"gpu-h100"};
const AttemptKey the_job{JobId{1001}, AttemptNumber{1}};
constexpr Moment morning{1'772'413'200'000};

GrantOffer offer(const std::string& id, Atoms amount, Span opens = Span{0}, Span ends = days(90)) {
    return GrantOffer{.id = GrantId{id},
                      .enterprise = sao_mai,
                      .programme = kn80,
                      .amount = amount,
                      .from = morning + opens,
                      .to = morning + ends,
                      .decision_ref = "12/2026"};
}

Ledger ledger_with(const std::vector<GrantOffer>& offers) {
    Ledger ledger;
    for (const GrantOffer& each : offers) {
        ledger.open(each, morning, policy);
    }
    return ledger;
}

void start(Ledger& ledger, AttemptKey key, Atoms need, Moment now = morning) {
    ledger.hold(key, ledger.can_hold(sao_mai, kn80, need, now).value(), now, policy);
}

SettleInput charged(Atoms amount) {
    return SettleInput{.charge = Charge{.metered = amount, .charged = amount},
                       .cause = "completed",
                       .partition = h100,
                       .qos = QosId{"thuong"}};
}

std::string lines(const std::vector<Entry>& entries) {
    std::string out;
    for (const Entry& entry : entries) {
        out += chain_line(entry) + "\n";
    }
    return out;
}

TEST(Ledger, HoldsAndSettlesAsInTheBooksOfTheDesign) {
    Ledger ledger = ledger_with({offer("g", Atoms{18'000'000'000'000})});
    const PriceTerms terms{.billable_milli = 17600, .factor_permille = 1500};
    const AttemptEnd end{.taken_at = morning,
                         .released_at = morning + hours(6),
                         .cause = EndCause::Completed,
                         .held = hold_for(terms, hours(12))};

    start(ledger, the_job, end.held);
    const SliceBill slice = bill(terms, end, 420).front();
    const auto entries =
        ledger.settle(the_job, settle_input(slice, h100, QosId{"gap"}), end.released_at, policy);

    EXPECT_EQ(lines(entries),
              "3|1772434800000|settle|1001.1.1.s|grant:g|clear|570240000000|1001.1.1.h\n"
              "4|1772434800000|post|1001.1.1.u|clear|used:gpu-h100|380160000000|completed\n"
              "5|1772434800000|post|1001.1.1.p|clear|premium|190080000000|gap\n");
    EXPECT_EQ(ledger.find(GrantId{"g"})->spent, Atoms{570'240'000'000});
    EXPECT_FALSE(ledger.is_held(the_job));
}

TEST(Ledger, HoldsTheEarliestExpiringGrantsFirst) {
    const Ledger ledger = ledger_with({offer("late", gpu_hours(50), Span{0}, days(80)),
                                       offer("soon", gpu_hours(10), Span{0}, days(20))});

    const auto plan = ledger.can_hold(sao_mai, kn80, gpu_hours(25), morning);

    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(plan->parts, (std::vector<HoldPart>{{GrantId{"soon"}, gpu_hours(10)},
                                                  {GrantId{"late"}, gpu_hours(15)}}));
}

TEST(Ledger, LeavesTheSmallestGrantsOutWhenFourMustSuffice) {
    const Ledger ledger = ledger_with(
        {offer("a", gpu_hours(1), Span{0}, days(10)), offer("b", gpu_hours(2), Span{0}, days(20)),
         offer("c", gpu_hours(1), Span{0}, days(30)), offer("d", gpu_hours(3), Span{0}, days(40)),
         offer("e", gpu_hours(90), Span{0}, days(50))});

    const auto plan = ledger.can_hold(sao_mai, kn80, gpu_hours(50), morning);

    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(plan->parts, (std::vector<HoldPart>{{GrantId{"a"}, gpu_hours(1)},
                                                  {GrantId{"b"}, gpu_hours(2)},
                                                  {GrantId{"d"}, gpu_hours(3)},
                                                  {GrantId{"e"}, gpu_hours(44)}}));
}

TEST(Ledger, SettlesTheEarliestExpiringFirstAndGivesTheRestBack) {
    Ledger ledger = ledger_with({offer("late", gpu_hours(50), Span{0}, days(80)),
                                 offer("soon", gpu_hours(10), Span{0}, days(20))});
    start(ledger, the_job, gpu_hours(25));

    ledger.settle(the_job, charged(gpu_hours(12)), morning + hours(1), policy);

    EXPECT_EQ(ledger.find(GrantId{"soon"})->spent, gpu_hours(10));
    EXPECT_EQ(ledger.find(GrantId{"late"})->spent, gpu_hours(2));
    EXPECT_EQ(ledger.find(GrantId{"late"})->free, gpu_hours(48));
}

TEST(Ledger, SaysWhyAHoldDoesNotFit) {
    Ledger ledger = ledger_with({offer("g", gpu_hours(40))});
    start(ledger, the_job, gpu_hours(30));

    const auto plan = ledger.can_hold(sao_mai, kn80, gpu_hours(16), morning);

    ASSERT_FALSE(plan.has_value());
    EXPECT_EQ(
        text(plan.error(), Language::English),
        "needs 16.0 GPU-hours, free 10.0 GPU-hours on g, 30.0 GPU-hours held by running jobs");
}

TEST(Ledger, SaysThatAGrantIsNotOpenYetSuspendedOrOver) {
    Ledger ledger = ledger_with({offer("g", gpu_hours(40), days(1), days(9))});
    const auto reason = [&](Moment now) {
        return ledger.can_hold(sao_mai, kn80, gpu_hours(1), now).error().code;
    };

    EXPECT_EQ(reason(morning), Code::GrantNotStarted);
    EXPECT_EQ(reason(morning + days(9)), Code::GrantOver);
    ledger.suspend(GrantId{"g"}, "report late");
    EXPECT_EQ(reason(morning + days(2)), Code::GrantSuspended);
    ledger.resume(GrantId{"g"});
    EXPECT_TRUE(ledger.can_hold(sao_mai, kn80, gpu_hours(1), morning + days(2)).has_value());
}

TEST(Ledger, RefusesAtSubmissionWhatCouldNeverBeHeld) {
    const Ledger ledger = ledger_with({offer("g", gpu_hours(40), days(1), days(9))});
    const auto refusal = [&](const char* programme, Atoms need, Moment now) {
        return ledger.could_ever_hold(sao_mai, ProgrammeId{programme}, need, now).error();
    };

    EXPECT_EQ(refusal("kn-80", gpu_hours(41), morning).code, Code::GrantTooSmall);
    EXPECT_EQ(refusal("kn-80", gpu_hours(1), morning + days(9)).code, Code::GrantOver);
    EXPECT_EQ(refusal("tra-phi", gpu_hours(1), morning).code, Code::NoGrant);
    EXPECT_EQ(text(refusal("tra-phi", gpu_hours(1), morning), Language::English),
              "enterprise 0401000001 has no grant in programme tra-phi; it has: kn-80");
    EXPECT_TRUE(ledger.could_ever_hold(sao_mai, kn80, gpu_hours(40), morning).has_value());
}

TEST(Ledger, PlansNothingForTheIdleClass) {
    Ledger ledger;
    const auto plan = ledger.can_hold(sao_mai, kn80, Atoms{0}, morning);
    ASSERT_TRUE(plan.has_value());

    EXPECT_TRUE(ledger.hold(the_job, *plan, morning, policy).empty());
    SettleInput input = charged(Atoms{0});
    input.charge = Charge{.metered = gpu_hours(3), .discount = gpu_hours(3)};
    const auto entries = ledger.settle(the_job, input, morning + hours(3), policy);

    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].debit, "zone_disc");
    EXPECT_EQ(ledger.totals().discounts, gpu_hours(3));
}

TEST(Ledger, ExpiresTheUnheldRestWhenTheWindowEndsAndTheHeldWhenItComesBack) {
    Ledger ledger = ledger_with({offer("g", gpu_hours(40), Span{0}, days(9))});
    start(ledger, the_job, gpu_hours(30));
    const Moment end = morning + days(9);

    EXPECT_EQ(ledger.next_expiry(), end);
    EXPECT_TRUE(ledger.expire(end - milliseconds(1), policy).empty());
    EXPECT_EQ(ledger.expire(end, policy).size(), 1U);
    EXPECT_EQ(ledger.find(GrantId{"g"})->expired, gpu_hours(10));
    EXPECT_EQ(state_of(*ledger.find(GrantId{"g"}), end), GrantState::Closing);
    EXPECT_EQ(ledger.next_expiry(), std::nullopt);

    ledger.settle(the_job, charged(gpu_hours(20)), end + hours(1), policy);
    EXPECT_EQ(ledger.find(GrantId{"g"})->expired, gpu_hours(20));
    EXPECT_EQ(ledger.find(GrantId{"g"})->free, Atoms{0});
    EXPECT_EQ(state_of(*ledger.find(GrantId{"g"}), end), GrantState::Closed);
}

TEST(Ledger, HoldsTheRestAgainForTheNextSlice) {
    Ledger ledger = ledger_with({offer("g", gpu_hours(40))});
    start(ledger, the_job, gpu_hours(30));
    SettleInput first = charged(gpu_hours(10));
    first.last = false;
    first.cause = "period_cut";

    const auto cut = ledger.settle(the_job, first, morning + hours(1), policy);
    SettleInput second = charged(gpu_hours(5));
    second.slice = 2;
    const auto rest = ledger.settle(the_job, second, morning + hours(2), policy);

    EXPECT_EQ(cut.back().id, "1001.1.2.h");
    EXPECT_EQ(cut.back().amount, gpu_hours(20).value);
    EXPECT_EQ(rest.front().ref, "1001.1.2.h");
    EXPECT_EQ(ledger.find(GrantId{"g"})->spent, gpu_hours(15));
    EXPECT_EQ(ledger.find(GrantId{"g"})->free, gpu_hours(25));
}

TEST(Ledger, HoldsNothingAgainOfAGrantThatASliceHasUsedUp) {
    Ledger ledger = ledger_with({offer("late", gpu_hours(50), Span{0}, days(80)),
                                 offer("soon", gpu_hours(10), Span{0}, days(20))});
    start(ledger, the_job, gpu_hours(25));
    SettleInput first = charged(gpu_hours(12));
    first.last = false;

    ledger.settle(the_job, first, morning + hours(1), policy);

    EXPECT_EQ(ledger.find_hold(the_job)->parts,
              (std::vector<HoldPart>{{GrantId{"late"}, gpu_hours(13)}}));
}

TEST(Ledger, PassesOverGrantsThatAreUsedUp) {
    Ledger ledger = ledger_with({offer("late", gpu_hours(50), Span{0}, days(80)),
                                 offer("soon", gpu_hours(10), Span{0}, days(20))});
    start(ledger, the_job, gpu_hours(10));

    const auto plan = ledger.can_hold(sao_mai, kn80, gpu_hours(5), morning);

    EXPECT_EQ(plan.value().parts, (std::vector<HoldPart>{{GrantId{"late"}, gpu_hours(5)}}));
}

TEST(Ledger, GivesAVoidedHoldBackWhole) {
    Ledger ledger = ledger_with({offer("g", gpu_hours(40))});
    start(ledger, the_job, gpu_hours(30));

    const auto entries = ledger.void_hold(the_job, morning, policy);

    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].kind, "void");
    EXPECT_EQ(ledger.find(GrantId{"g"})->free, gpu_hours(40));
}

TEST(Ledger, RefusesAGrantIdWithOtherContentAndAcceptsTheSameAgain) {
    Ledger ledger = ledger_with({offer("g", gpu_hours(40))});

    EXPECT_EQ(ledger.can_open(offer("g", gpu_hours(41))).error().code, Code::GrantIdTaken);
    EXPECT_TRUE(ledger.open(offer("g", gpu_hours(40)), morning, policy).empty());
    EXPECT_EQ(ledger.totals().minted, gpu_hours(40));
}

TEST(Ledger, ExtendsSuspendsAndClosesOnlyWhileTheWindowIsOpen) {
    Ledger ledger = ledger_with({offer("g", gpu_hours(40), Span{0}, days(9))});
    const GrantId g{"g"};
    const GrantExtension longer{
        .id = g, .add = gpu_hours(2), .to = morning + days(20), .decision_ref = "a|b"};

    const auto entries = ledger.extend(longer, morning, policy);
    EXPECT_EQ(chain_line(entries.at(0)),
              "2|1772413200000|grant|g.g2|pool:kn-80|grant:g|7200000000|a/b");
    EXPECT_EQ(ledger.next_expiry(), morning + days(20));
    EXPECT_FALSE(ledger.can_resume(g, morning).has_value());
    ledger.suspend(g, "late");
    EXPECT_FALSE(ledger.can_suspend(g, morning).has_value());
    ledger.close(g, morning + days(1), policy);
    EXPECT_EQ(ledger.find(g)->expired, gpu_hours(42));
    EXPECT_EQ(ledger.can_extend(longer, morning + days(1)).error().code, Code::GrantWrongState);
    EXPECT_EQ(ledger_with({offer("g", gpu_hours(1))}).can_close(g, morning + days(90)).error().code,
              Code::GrantWrongState);
    EXPECT_EQ(ledger.can_close(GrantId{"x"}, morning).error().code, Code::UnknownGrant);
}

TEST(Ledger, ComesBackFromItsState) {
    Ledger ledger = ledger_with({offer("g", gpu_hours(40)), offer("h", gpu_hours(1), days(2))});
    start(ledger, the_job, gpu_hours(30));

    ledger.open(offer("over", gpu_hours(1), Span{0}, days(1)), morning, policy);
    ledger.expire(morning + days(1), policy);

    Ledger copy{ledger.state()};

    EXPECT_EQ(copy.state(), ledger.state());
    EXPECT_EQ(copy.next_expiry(), ledger.next_expiry());
    EXPECT_EQ(copy.next_expiry(), morning + days(90));
    EXPECT_EQ(copy.next_opening(morning), morning + days(2));
    EXPECT_EQ(copy.settle(the_job, charged(gpu_hours(3)), morning, policy),
              ledger.settle(the_job, charged(gpu_hours(3)), morning, policy));
}

TEST(LedgerDeathTest, SettlesAHoldOnceAndNeverAboveIt_I07) {
    Ledger ledger = ledger_with({offer("g", gpu_hours(40))});
    start(ledger, the_job, gpu_hours(30));

    EXPECT_DEATH(ledger.settle(the_job, charged(gpu_hours(31)), morning, policy), "L204");
    ledger.settle(the_job, charged(gpu_hours(3)), morning, policy);
    EXPECT_DEATH(ledger.settle(the_job, charged(gpu_hours(3)), morning, policy), "L203");
    EXPECT_DEATH(ledger.void_hold(the_job, morning, policy), "L203");
}

}  // namespace
}  // namespace khu
