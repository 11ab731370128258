#include "core/ledger/usage.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

namespace khu {
namespace {

constexpr int vietnam = 420;

/// 2026-03-02T01:00:00Z.
constexpr Moment morning{1'772'413'200'000};
/// 2026-03-31T17:00:00Z: midnight of 1 April in Vietnam.
constexpr Moment april{1'774'976'400'000};

const std::vector<Payer> kn80{
    {.kind = PayerKind::National, .id = FunderId{"nat-quy-ai"}, .permille = 500},
    {.kind = PayerKind::Provincial, .id = FunderId{"prov-da-nang"}, .permille = 300},
    {.kind = PayerKind::Enterprise, .id = FunderId{"enterprise"}, .permille = 200}};
const std::vector<Payer> playground{
    {.kind = PayerKind::Zone, .id = FunderId{"zone-dn-cvpm2"}, .permille = 1000}};

PriceTerms priced(std::int64_t billable, int factor, std::vector<Payer> payers) {
    return PriceTerms{.billable_milli = billable,
                      .factor_permille = factor,
                      .rate_vnd_per_gpuh = 27'000,
                      .payers = std::move(payers)};
}

std::vector<UsageRow> rows_of(const PriceTerms& terms, const AttemptEnd& end) {
    std::vector<UsageRow> rows;
    for (const SliceBill& slice : bill(terms, end, vietnam)) {
        rows.push_back(usage_row(UsageContext{.terms = terms}, end, slice, {}));
    }
    return rows;
}

AttemptEnd ended(Moment taken, Span ran, EndCause cause) {
    return AttemptEnd{.taken_at = taken,
                      .released_at = taken + ran,
                      .cause = cause,
                      .exit_code = 0,
                      .held = Atoms{INT64_MAX}};
}

/// period, slice times, elapsed_s, end_cause: metered, surcharge, discount, waived, charged, list,
/// national, provincial, zone, enterprise, waived_list.
std::string line(const UsageRow& r) {
    return fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}", r.period, format_utc(r.slice_start),
        format_utc(r.slice_end), r.elapsed_s, r.end_cause, r.metered_ugs.value,
        r.surcharge_ugs.value, r.discount_ugs.value, r.waived_ugs.value, r.charged_ugs.value,
        r.list_mvnd.value, r.paid_national_mvnd.value, r.paid_provincial_mvnd.value,
        r.paid_zone_mvnd.value, r.paid_enterprise_mvnd.value, r.waived_list_mvnd.value);
}

TEST(UsageRows, Job1001PaysOneAndAHalfForUrgency) {
    const auto rows =
        rows_of(priced(17600, 1500, kn80), ended(morning, hours(6), EndCause::Completed));

    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(line(rows[0]),
              "2026-03,2026-03-02T01:00:00Z,2026-03-02T07:00:00Z,21600,completed,380160000000,"
              "190080000000,0,0,570240000000,4276800000,2138400000,1283040000,0,855360000,0");
    EXPECT_EQ(rows[0].charged_gpuh, "158.400000");
}

TEST(UsageRows, Job1002LosesItsFirstAttemptToTheZone) {
    const Moment taken = april - hours(7) - minutes(50);

    const auto rows =
        rows_of(priced(35200, 1000, kn80), ended(taken, seconds(8007), EndCause::NodeFail));

    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(line(rows[0]),
              "2026-03,2026-03-31T09:10:00Z,2026-03-31T11:23:27Z,8007,node_fail,281846400000,0,0,"
              "281846400000,0,0,0,0,0,0,2113848000");
}

TEST(UsageRows, Job1002RunsAcrossTheEndOfTheMonthInTwoRows) {
    const auto rows = rows_of(priced(35200, 1000, kn80),
                              ended(april - hours(4), seconds(14400 + 25512), EndCause::Completed));

    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(line(rows[0]),
              "2026-03,2026-03-31T13:00:00Z,2026-03-31T17:00:00Z,14400,period_cut,506880000000,0,0,"
              "0,506880000000,3801600000,1900800000,1140480000,0,760320000,0");
    EXPECT_EQ(line(rows[1]),
              "2026-04,2026-03-31T17:00:00Z,2026-04-01T00:05:12Z,25512,completed,898022400000,0,0,"
              "0,898022400000,6735168000,3367584000,2020550400,0,1347033600,0");
    EXPECT_FALSE(rows[0].exit_code.has_value());
    EXPECT_EQ(rows[1].exit_code, 0);
    EXPECT_TRUE(rows[0].queue_wait_s.has_value());
    EXPECT_FALSE(rows[1].queue_wait_s.has_value());
}

TEST(UsageRows, Job1003IsFreeAndTheZonePays) {
    const auto rows = rows_of(priced(220, 1000, playground),
                              ended(morning + hours(73), seconds(37), EndCause::UserError));

    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(line(rows[0]),
              "2026-03,2026-03-05T02:00:00Z,2026-03-05T02:00:37Z,37,user_error,8140000,0,0,0,"
              "8140000,61050,0,0,61050,0,0");
}

TEST(UsageRows, Job1004OfTheIdleClassIsMeteredAndDiscountedToZero) {
    const auto rows =
        rows_of(priced(17600, 0, kn80), ended(morning + hours(158), hours(3), EndCause::Preempted));

    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(line(rows[0]),
              "2026-03,2026-03-08T15:00:00Z,2026-03-08T18:00:00Z,10800,preempted,190080000000,0,"
              "190080000000,0,0,0,0,0,0,0,0");
}

TEST(UsageRows, WaiveAtMostTheLastSixHoursOfAFailure) {
    const auto rows =
        rows_of(priced(1000, 1000, kn80), ended(april - hours(8), hours(10), EndCause::NodeFail));

    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].charged_ugs, gpu_hours(4));
    EXPECT_EQ(rows[0].waived_ugs, gpu_hours(4));
    EXPECT_EQ(rows[1].charged_ugs, gpu_hours(0));
    EXPECT_EQ(rows[1].waived_ugs, gpu_hours(2));
}

TEST(UsageRows, WaiveWhatGoesBeyondTheHold) {
    AttemptEnd end = ended(morning, hours(2) + seconds(9), EndCause::TimeLimit);
    end.held = gpu_hours(2);

    const auto rows = rows_of(priced(1000, 1000, kn80), end);

    EXPECT_EQ(rows[0].charged_ugs, gpu_hours(2));
    EXPECT_EQ(rows[0].waived_ugs, Atoms{9'000'000});
    EXPECT_EQ(rows[0].end_cause, "time_limit");
}

TEST(UsageRows, CarryTheJobAndLeaveNullWhatIsNot) {
    UsageContext context{.enterprise = EnterpriseId{"0401000001"},
                         .key = {JobId{7}, AttemptNumber{2}},
                         .holds = {{.grant = GrantId{"a"}, .amount = Atoms{1}},
                                   {.grant = GrantId{"b"}, .amount = Atoms{2}}},
                         .queued_at = morning - milliseconds(1500),
                         .memory = gibibytes(3) + Bytes{1},
                         .terms = priced(1000, 1000, kn80)};
    const AttemptEnd end = ended(morning, hours(1), EndCause::Completed);
    const SliceBill slice = bill(context.terms, end, vietnam).front();

    const UsageRow row =
        usage_row(context, end, slice, {Entry{.seq = LedgerSeq{5}}, Entry{.seq = LedgerSeq{8}}});

    EXPECT_EQ(row.grant_ids, "a;b");
    EXPECT_EQ(row.queue_wait_s, 2);
    EXPECT_EQ(row.mem_gib, 4);
    EXPECT_EQ(row.ledger_seq_first, LedgerSeq{5});
    EXPECT_EQ(row.ledger_seq_last, LedgerSeq{8});
    EXPECT_EQ(row.project, std::nullopt);
    EXPECT_EQ(row.gpu_model, std::nullopt);
    EXPECT_EQ(row.energy_wh, std::nullopt);
}

TEST(UsageRows, HaveAllColumnsInTheirOrder) {
    std::vector<std::string> names;
    boost::mp11::mp_for_each<
        boost::describe::describe_members<UsageRow, boost::describe::mod_public>>(
        [&](auto d) { names.emplace_back(d.name); });

    ASSERT_EQ(names.size(), 54U);
    EXPECT_EQ(names.front(), "schema_version");
    EXPECT_EQ(names[28], "gpu_model");
    EXPECT_EQ(names[29], "billable_milli");
    EXPECT_EQ(names.back(), "ledger_seq_last");
}

TEST(MonthSlices, CutAtLocalMidnightOfTheFirst) {
    const auto slices = month_slices(april - milliseconds(500), april + milliseconds(700), vietnam);

    ASSERT_EQ(slices.size(), 2U);
    EXPECT_EQ(slices[0].end, april);
    EXPECT_EQ(slices[0].elapsed_s, 1);
    EXPECT_EQ(slices[1].elapsed_s, 1);  // 1.2 s is 2 s in all
}

TEST(MonthSlices, RoundUpOnceForTheWholeAttempt) {
    const auto slices = month_slices(april - milliseconds(500), april + milliseconds(400), vietnam);

    ASSERT_EQ(slices.size(), 2U);
    EXPECT_EQ(slices[0].elapsed_s, 1);
    EXPECT_EQ(slices[1].elapsed_s, 0);
}

TEST(MonthSlices, GiveOneSliceForNothing) {
    EXPECT_EQ(month_slices(april, april, vietnam).size(), 1U);
    EXPECT_EQ(month_slices(april, april - hours(1), vietnam).front().elapsed_s, 0);
    EXPECT_EQ(month_slices(april, april, vietnam).front().period, "2026-04");
}

TEST(MonthSlices, EndInTheMonthBeforeWhenReleasedAtMidnight) {
    const auto slices = month_slices(april - hours(1), april, vietnam);

    ASSERT_EQ(slices.size(), 1U);
    EXPECT_EQ(slices[0].period, "2026-03");
}

TEST(MonthSlices, CrossTheYearAndALeapFebruary) {
    // 2027-12-31T00:00:00Z for 70 days, in UTC: December, January, February (29 days), March.
    const auto slices =
        month_slices(Moment{1'830'211'200'000}, Moment{1'830'211'200'000} + days(70), 0);

    ASSERT_EQ(slices.size(), 4U);
    EXPECT_EQ(slices[1].period, "2028-01");
    EXPECT_EQ(slices[2].elapsed_s, 29 * 86'400);
    EXPECT_EQ(slices[3].start, Moment{1'830'211'200'000} + days(61));
}

RC_GTEST_PROP(UsageProperty, AnyCuttingGivesTheSameTotals_I11, ()) {
    const PriceTerms terms = priced(*rc::gen::inRange<std::int64_t>(1, 300'000),
                                    *rc::gen::element(0, 500, 1000, 1500), kn80);
    AttemptEnd end =
        ended(Moment{morning.value + *rc::gen::inRange<std::int64_t>(0, 40LL * 86'400'000)},
              milliseconds(*rc::gen::inRange<std::int64_t>(0, 100LL * 86'400'000)),
              *rc::gen::element(EndCause::Completed, EndCause::NodeFail, EndCause::Preempted));
    end.held = hold_for(terms, seconds(*rc::gen::inRange<std::int64_t>(1, 90LL * 86'400)));
    // A zone at an offset has its months cut elsewhere.
    const int offset = *rc::gen::inRange(-720, 841);

    const auto total = [&](const std::vector<SliceBill>& slices) {
        Charge sum;
        Mvnd list;
        Mvnd waived_list;
        for (const SliceBill& slice : slices) {
            RC_ASSERT(std::accumulate(slice.paid.begin(), slice.paid.end(), Mvnd{0}) == slice.list);
            RC_ASSERT(slice.charge.charged == slice.charge.metered + slice.charge.surcharge -
                                                  slice.charge.discount - slice.charge.waived);
            RC_ASSERT(slice.charge.charged >= Atoms{0} && slice.charge.waived >= Atoms{0});
            sum.charged += slice.charge.charged;
            sum.metered += slice.charge.metered;
            sum.waived += slice.charge.waived;
            sum.elapsed_s += slice.bounds.elapsed_s;
            list += slice.list;
            waived_list += slice.waived_list;
        }
        return std::tuple(sum.charged, sum.metered, sum.waived, sum.elapsed_s, list, waived_list);
    };
    const auto cut = bill(terms, end, offset);

    RC_ASSERT(total(cut) == total(bill(terms, end, 0)));
    RC_ASSERT(cut.front().bounds.start == end.taken_at);
    RC_ASSERT(cut.back().bounds.end == end.released_at);
    for (std::size_t i = 1; i < cut.size(); ++i) {
        RC_ASSERT(cut[i].bounds.start == cut[i - 1].bounds.end);
        RC_ASSERT(cut[i].bounds.period > cut[i - 1].bounds.period);
    }
}

}  // namespace
}  // namespace khu
