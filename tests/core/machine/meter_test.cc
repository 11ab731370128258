// What other meters of the zone count: in the same books, once, all of it or nothing.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/core/machine/metered_zone.h"

namespace khu {
namespace {

using testing::admin;
using testing::kUnit;
using testing::member_of;
using testing::meter;
using testing::Metered;
using testing::refused;
using testing::sao_mai;
using testing::song_han;

TEST(Meters, AReadingIsPricedSplitAndPaidInTheSameBooks) {
    Metered m;
    ASSERT_EQ(refused(m.take({m.reading("r1", 12 * kUnit + kUnit / 2)})), "taken");

    const std::vector<MeterRow> rows = m.rows();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].list_mvnd, Mvnd{6'250'000});
    EXPECT_EQ(rows[0].paid_zone_mvnd, Mvnd{1'250'000});
    EXPECT_EQ(rows[0].paid_enterprise_mvnd, Mvnd{5'000'000});
    EXPECT_EQ(rows[0].quantity, "12.500000");
    EXPECT_EQ(rows[0].service, "cloud");
    EXPECT_EQ(m.spent("funder:zone-test"), Mvnd{1'250'000});
    EXPECT_EQ(m.spent("owed:" + sao_mai.value.str()), Mvnd{5'000'000});
    EXPECT_TRUE(m.zone.machine.state().truth.ledger.audit().empty());
    EXPECT_EQ(recounted(m.zone).posted("revenue:test"), 6'250'000);
}

TEST(Meters, TheSameReadingIsTakenOnce_I08) {
    Metered m;
    ASSERT_EQ(refused(m.take({m.reading("r1", kUnit)})), "taken");
    ASSERT_EQ(refused(m.take({m.reading("r1", kUnit), m.reading("r2", kUnit)})), "taken");
    ASSERT_EQ(refused(m.take({m.reading("r3", kUnit), m.reading("r3", kUnit)})), "taken");

    EXPECT_EQ(m.rows().size(), 3U);
    EXPECT_EQ(refused(m.take({m.reading("r1", 2 * kUnit)})),
              "L222: row r1 of meter vcpu is not taken: it was taken already with other content");
}

TEST(Meters, AllReadingsAreTakenOrNone_R304) {
    Metered m;
    MeterReading bad = m.reading("r2", kUnit);
    bad.meter = MeterId{"gas"};

    const Outcome outcome = m.take({m.reading("r1", kUnit), bad}, meter(), {2, 3});

    EXPECT_EQ(refused(outcome).substr(0, 18), "R304: line 3: A133");
    EXPECT_TRUE(m.rows().empty());
    EXPECT_EQ(refused(m.take({bad})).substr(0, 5), "A133:");
}

TEST(Meters, SayWhatIsWrongWithAReading_L222) {
    Metered m;
    const auto why = [&](auto change) {
        MeterReading reading = m.reading("r1", kUnit);
        change(reading);
        const std::string said = refused(m.take({reading}));
        return said.substr(std::min(said.size(), said.rfind(": ") + 2));
    };

    EXPECT_EQ(why([](MeterReading& r) { r.row = "a|b"; }),
              "each row needs a name of its own, of letters, digits and . _ -");
    EXPECT_EQ(why([](MeterReading& r) { r.quantity_micro = 0; }),
              "the quantity must be more than 0 and at most 1,000,000,000");
    EXPECT_EQ(why([](MeterReading& r) { r.to = r.from; }),
              "its time must end after it begins, and not in the future");
    EXPECT_EQ(why([&](MeterReading& r) { r.to = m.zone.now + seconds(1); }),
              "its time must end after it begins, and not in the future");
    EXPECT_EQ(why([&](MeterReading& r) { r.from = m.begin - seconds(1); }),
              "it must lie within one month of the zone's time");
    EXPECT_EQ(m.rows().size(), 0U);
    EXPECT_EQ(refused(m.take({m.reading("r1", kUnit)}, member_of(sao_mai))).substr(0, 5), "N403:");
    EXPECT_EQ(refused(m.take({m.reading("r1", kUnit)}, admin())), "taken");
}

TEST(Meters, OneRowCostsNoMoreThanTheBooksHold_L222) {
    Metered m;  // 500 đ for one unit

    const std::string said = refused(m.take({m.reading("r1", 1'000'000'000 * kUnit)}));

    EXPECT_NE(said.find("it would cost more than 100,000,000,000 đ"), std::string::npos) << said;
    EXPECT_TRUE(m.rows().empty());
}

TEST(Meters, WhoPaysMustHaveEnough_L222) {
    Metered m;
    const std::string said = refused(m.take({m.reading("r1", kUnit, song_han)}));
    EXPECT_NE(said.find("has less left than its part"), std::string::npos) << said;
    ASSERT_FALSE(
        m.zone
            .tell(PayIn{
                .who = admin(), .enterprise = song_han, .amount = Mvnd{1'000'000}, .ref = "FT-1"})
            .refusal);

    EXPECT_EQ(refused(m.take({m.reading("r1", kUnit, song_han)})), "taken");
    // What two readings of one file need is counted together.
    EXPECT_NE(refused(m.take({m.reading("r2", kUnit, song_han), m.reading("r3", kUnit, song_han)})),
              "taken");
    EXPECT_EQ(m.spent("wallet:" + song_han.value.str()), Mvnd{400'000});
}

TEST(Meters, OfAClosedMonthNothingIsTakenAndItsNamesAreForgotten_I27) {
    Metered m;
    ASSERT_EQ(refused(m.take({m.reading("r1", kUnit)})), "taken");
    EXPECT_EQ(m.zone.machine.state().truth.readings.size(), 1U);
    m.zone.now = month_end(m.begin, 420) + days(10);
    m.zone.tell(Tick{});

    EXPECT_TRUE(m.zone.machine.state().truth.readings.empty());
    EXPECT_NE(refused(m.take({m.reading("r2", kUnit)})).find("its month is closed"),
              std::string::npos);
}

TEST(Meters, AreTheSameAfterReplay) {
    Metered m;
    ASSERT_EQ(refused(m.take({m.reading("r1", kUnit), m.reading("r2", 7)})), "taken");

    Machine again(ZoneId{"test"});
    for (const Stamped& fact : m.zone.history) {
        again.replay(fact);
    }
    EXPECT_EQ(again.state().truth.readings, m.zone.machine.state().truth.readings);
    EXPECT_EQ(again.state().truth.ledger.last_seq(),
              m.zone.machine.state().truth.ledger.last_seq());
}

RC_GTEST_PROP(MeterPrices, AreWithinHalfAThousandthAndTheirPartsSumToThem, ()) {
    const auto price = *rc::gen::inRange<std::int64_t>(0, 1'000'000'000) * 1000;
    const std::int64_t most = INT64_MAX / 2 / std::max<std::int64_t>(1, price);  // units
    const auto quantity =
        *rc::gen::inRange<std::int64_t>(1, std::min(most, 1'000'000'000L) * kUnit);
    const int share = *rc::gen::inRange(0, 1001);

    const Mvnd list = meter_price(quantity, Mvnd{price});

    __extension__ using Wide = __int128;
    const Wide exact = Wide{quantity} * price;
    const Wide off = Wide{list.value} * kUnit - exact;
    RC_ASSERT((off < 0 ? -off : off) * 2 <= kUnit);
    const std::vector<Mvnd> parts =
        split(list, {{.kind = PayerKind::Zone, .id = FunderId{"z"}, .permille = share},
                     {.kind = PayerKind::Enterprise,
                      .id = FunderId{kEnterprisePayer},
                      .permille = 1000 - share}});
    RC_ASSERT(parts[0] + parts[1] == list);
}

}  // namespace
}  // namespace khu
