// Readings of other meters that were wrong: corrected by more rows, never changed.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/core/machine/metered_zone.h"

namespace khu {
namespace {

using testing::admin;
using testing::kUnit;
using testing::Metered;
using testing::refused;
using testing::sao_mai;
using testing::song_han;

/// A zone that took 12.5 units as r1, and what corrects them.
struct Corrected : Metered {
    Corrected() { KHU_CHECK(refused(take({reading("r1", 12 * kUnit + kUnit / 2)})) == "taken"); }

    MeterReading correction(const std::string& row, std::int64_t quantity) const {
        MeterReading made = reading(row, quantity);
        made.corrects = name();
        made.reason = "counter ran twice";
        made.decision_ref = "7/BB";
        return made;
    }
    std::string name() const { return period_of(begin, 420) + "/vcpu/r1"; }
    Outcome correct(std::vector<MeterReading> readings) {
        return take(std::move(readings), admin(), {}, charges());
    }
    void month_closes() {
        zone.now = month_end(begin, 420) + days(10);
        zone.tell(Tick{});
    }
};

std::string why(const Outcome& outcome) {
    const std::string said = refused(outcome);
    return said.substr(std::min(said.size(), said.rfind(": ") + 2));
}

TEST(MeterCorrections, TakeBackWhatWasTooMuchFromWhoeverWasPaid) {
    Corrected m;

    ASSERT_EQ(refused(m.correct({m.correction("c1", -2 * kUnit - kUnit / 2)})), "taken");

    ASSERT_EQ(m.rows().size(), 2U);
    const MeterRow row = m.rows()[1];
    EXPECT_EQ(row.row_kind, "correction");
    EXPECT_EQ(row.corrects, m.name());
    EXPECT_EQ(row.reason, "counter ran twice");
    EXPECT_EQ(row.decision_ref, "7/BB");
    EXPECT_EQ(row.quantity, "-2.500000");
    EXPECT_EQ(row.list_mvnd, Mvnd{-1'250'000});
    EXPECT_EQ(row.paid_zone_mvnd, Mvnd{-250'000});
    EXPECT_EQ(row.paid_enterprise_mvnd, Mvnd{-1'000'000});
    EXPECT_EQ(m.spent("funder:zone-test"), Mvnd{1'000'000});
    EXPECT_EQ(m.spent("owed:" + sao_mai.value.str()), Mvnd{4'000'000});
    EXPECT_TRUE(m.zone.machine.state().truth.ledger.audit().empty());
    EXPECT_EQ(recounted(m.zone).posted("revenue:test"), 5'000'000);
}

TEST(MeterCorrections, AreInTheMonthThatRunsOnceTheirOwnIsClosed_I27) {
    Corrected m;
    ASSERT_EQ(refused(m.correct({m.correction("c1", kUnit)})), "taken");
    m.month_closes();

    ASSERT_EQ(refused(m.correct({m.correction("c2", -kUnit)})), "taken");

    EXPECT_EQ(m.rows()[1].period, period_of(m.begin, 420));
    EXPECT_EQ(m.rows()[2].period, period_of(m.zone.now, 420));
    EXPECT_EQ(m.rows()[2].slice_start, m.rows()[0].slice_start);
}

TEST(MeterCorrections, AreTakenOnceWhicheverMonthItIs_I08) {
    Corrected m;
    ASSERT_EQ(refused(m.correct({m.correction("c1", kUnit)})), "taken");
    m.month_closes();

    EXPECT_EQ(refused(m.correct({m.correction("c1", kUnit)})), "taken");
    EXPECT_EQ(m.rows().size(), 2U);
    EXPECT_EQ(
        refused(m.correct({m.correction("c1", 2 * kUnit)})),
        "L224: row c1 does not correct " + m.name() + ": it was taken already with other content");
}

TEST(MeterCorrections, SayWhatIsWrongWithThem_L224) {
    Corrected m;
    const auto of = [&](auto change) {
        MeterReading correction = m.correction("c1", -kUnit);
        change(correction);
        return why(m.correct({correction}));
    };

    EXPECT_EQ(of([](MeterReading& r) { r.row = ""; }),
              "each row needs a name of its own, of letters, digits and . _ -");
    EXPECT_EQ(of([](MeterReading& r) { r.reason = ""; }),
              "a correction needs a reason and the act behind it");
    EXPECT_EQ(of([](MeterReading& r) { r.decision_ref = ""; }),
              "a correction needs a reason and the act behind it");
    EXPECT_EQ(of([](MeterReading& r) { r.enterprise = song_han; }),
              "its meter, enterprise and time must be those of the row that it corrects");
    EXPECT_EQ(of([](MeterReading& r) { r.to = r.to + seconds(1); }),
              "its meter, enterprise and time must be those of the row that it corrects");
    EXPECT_EQ(of([](MeterReading& r) { r.quantity_micro = 0; }),
              "the quantity must not be 0, and at most 1,000,000,000");
    EXPECT_EQ(of([](MeterReading& r) { r.quantity_micro = -13 * kUnit; }),
              "only 12.500000 is left of it");
    EXPECT_EQ(of([](MeterReading& r) { r.quantity_micro = 1'000'000'000 * kUnit; }),
              "the row would come to more than one row may");
    EXPECT_EQ(of([](MeterReading& r) { r.corrects += "x"; }), "it is written 2026-03/METER/ROW");
    EXPECT_EQ(refused(m.correct({m.correction("c1", -13 * kUnit)})),
              "L224: row c1 does not correct " + m.name() + ": only 12.500000 is left of it");
    EXPECT_EQ(m.rows().size(), 1U);
}

TEST(MeterCorrections, AllOrNoneAndWhatAFileTakesBackIsCountedTogether) {
    Corrected m;

    EXPECT_EQ(why(m.correct({m.correction("c1", -12 * kUnit), m.correction("c2", -kUnit)})),
              "only 0.500000 is left of it");
    EXPECT_EQ(m.rows().size(), 1U);
    EXPECT_EQ(m.spent("funder:zone-test"), Mvnd{1'250'000});
}

TEST(MeterCorrections, OfAReleaseThatDidNotKeepTheSplitAreRefused_L224) {
    Corrected m;
    auto old = m.charges();
    old.begin()->second.payers.clear();

    EXPECT_EQ(why(m.take({m.correction("c1", -kUnit)}, admin(), {}, old)),
              "it is written 2026-03/METER/ROW");
}

TEST(MeterCorrections, MoreIsPaidOnlyByWhoHasEnough) {
    Metered m;
    ASSERT_FALSE(
        m.zone
            .tell(PayIn{
                .who = admin(), .enterprise = song_han, .amount = Mvnd{400'000}, .ref = "FT-1"})
            .refusal);
    ASSERT_EQ(refused(m.take({m.reading("r1", kUnit, song_han)})), "taken");
    MeterReading more = m.reading("c1", kUnit, song_han);
    more.corrects = period_of(m.begin, 420) + "/vcpu/r1";
    more.reason = "two were counted as one";
    more.decision_ref = "8/BB";

    const std::string said = refused(m.take({more}, admin(), {}, m.charges()));

    EXPECT_EQ(said.substr(0, 5), "L224:");
    EXPECT_NE(said.find("wallet:" + song_han.value.str() + " has less left than its part"),
              std::string::npos)
        << said;
}

TEST(MeterCorrections, AreTheSameAfterReplay) {
    Corrected m;
    ASSERT_EQ(refused(m.correct({m.correction("c1", -kUnit), m.correction("c2", 5)})), "taken");

    Machine again(ZoneId{"test"});
    for (const Stamped& fact : m.zone.history) {
        again.replay(fact);
    }
    EXPECT_EQ(again.state().truth.corrected, m.zone.machine.state().truth.corrected);
    EXPECT_EQ(again.state().truth.ledger.purses(), m.zone.machine.state().truth.ledger.purses());
}

/// The model knows nothing of corrections: it is the right quantity, read once and split once.
RC_GTEST_PROP(MeterCorrectionProperty, WhoeverPaysHasPaidWhatTheRightQuantityCosts, ()) {
    Metered m;
    const auto of = [&](const std::string& row) {
        return m.reading(row, *rc::gen::inRange<std::int64_t>(1, 40 * kUnit));
    };
    std::int64_t right = 0;
    std::vector<MeterReading> all{of("r1")};
    RC_ASSERT(refused(m.take(all)) == "taken");
    right = all[0].quantity_micro;
    const int corrections = *rc::gen::inRange(1, 12);
    for (int i = 0; i < corrections; ++i) {
        MeterReading made = all[0];
        made.row = "c" + std::to_string(i);
        made.corrects = period_of(m.begin, 420) + "/vcpu/r1";
        made.reason = "r";
        made.decision_ref = "d";
        made.quantity_micro = *rc::gen::inRange<std::int64_t>(-50 * kUnit, 30 * kUnit);
        const bool possible = made.quantity_micro != 0 && right + made.quantity_micro >= 0;
        const Outcome outcome = m.take({made}, admin(), {}, m.charges());
        RC_ASSERT((refused(outcome) == "taken") == possible);
        right += possible ? made.quantity_micro : 0;
    }

    // 500 đ a unit, in thousandths: half of a thousandth goes to the even one.
    const std::int64_t halves = right;  // quantity/10^6 × 500,000 mvnd = quantity/2
    std::int64_t list = halves / 2;
    list += halves % 2 == 1 && list % 2 == 1 ? 1 : 0;
    // Largest remainder of 20 % and 80 %; a tie goes to "enterprise", the smaller name.
    const std::int64_t fifth = list / 5;
    const std::int64_t rest = list % 5;  // the zone lacks rest/5, the enterprise 4 rest/5
    const std::int64_t zone_part = fifth + (rest >= 3 ? 1 : 0);
    std::int64_t quantity = 0;
    Mvnd listed;
    for (const MeterRow& row : m.rows()) {
        quantity += row.quantity_micro;
        listed += row.list_mvnd;
        RC_ASSERT(row.paid_zone_mvnd + row.paid_enterprise_mvnd == row.list_mvnd);
    }
    RC_ASSERT(quantity == right);
    RC_ASSERT(listed == Mvnd{list});
    RC_ASSERT(m.spent("funder:zone-test") == Mvnd{zone_part});
    RC_ASSERT(m.spent("owed:" + sao_mai.value.str()) == Mvnd{list - zone_part});
    RC_ASSERT(recounted(m.zone).posted("revenue:test") == list);
    RC_ASSERT(m.zone.machine.state().truth.ledger.audit().empty());
}

}  // namespace
}  // namespace khu
