/// The FOCUS view: what the payers of a slice bear adds up to the slice.

#include "core/ledger/focus.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>

namespace khu {
namespace {

constexpr int utc7 = 7 * 60;

UsageRow slice(std::array<std::int64_t, 5> paid) {
    UsageRow row;
    row.zone_id = ZoneId{"dn"};
    row.province_code = "48";
    row.period = "2026-03";
    row.enterprise_id = EnterpriseId{"0401000001"};
    row.programme = ProgrammeId{"kn-80"};
    row.partition = PartitionId{"gpu"};
    row.qos = QosId{"thuong"};
    row.job_id = JobId{1001};
    row.attempt = AttemptNumber{1};
    row.end_cause = "completed";
    row.rate_vnd_per_gpuh = 27000;
    row.metered_ugs = gpu_hours(10);
    row.charged_ugs = gpu_hours(8);
    row.paid_national_mvnd = Mvnd{paid[0]};
    row.paid_provincial_mvnd = Mvnd{paid[1]};
    row.paid_zone_mvnd = Mvnd{paid[2]};
    row.paid_donor_mvnd = Mvnd{paid[3]};
    row.paid_enterprise_mvnd = Mvnd{paid[4]};
    row.list_mvnd = Mvnd{paid[0] + paid[1] + paid[2] + paid[3] + paid[4]};
    return row;
}

TEST(Focus, OneRowForEachPayerWithItsPartOfEverything) {
    const auto rows = focus_rows(slice({108'000'000, 0, 0, 0, 108'000'000}), utc7);

    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].BillingAccountId, "dn:national");
    EXPECT_EQ(rows[0].BillingAccountType, "National");
    EXPECT_EQ(rows[1].BillingAccountId, "0401000001");
    EXPECT_EQ(rows[1].BilledCost.text, "108000.000");
    EXPECT_EQ(rows[1].PricingQuantity.text, "4.000000");
    EXPECT_EQ(rows[1].ConsumedQuantity.text, "5.000000");
    EXPECT_EQ(rows[1].ListUnitPrice.text, "27000.000");
    EXPECT_EQ(rows[1].SubAccountId, "0401000001");
    EXPECT_EQ(format_utc(rows[0].BillingPeriodStart), "2026-02-28T17:00:00Z");
    EXPECT_EQ(format_utc(rows[0].BillingPeriodEnd), "2026-03-31T17:00:00Z");
    EXPECT_FALSE(rows[0].ChargeClass);
}

TEST(Focus, WhatNobodyPaysIsOneRowOfTheZone) {
    const auto rows = focus_rows(slice({0, 0, 0, 0, 0}), utc7);

    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].BillingAccountId, "dn:zone");
    EXPECT_EQ(rows[0].BilledCost.text, "0.000");
    EXPECT_EQ(rows[0].x_MeteredUgs, gpu_hours(10));
}

TEST(Focus, WhatTheZoneBoreIsACreditThatCostsNothing) {
    UsageRow row = slice({1000, 0, 0, 0, 0});
    row.waived_list_mvnd = Mvnd{54'000'500};
    row.end_cause = "node_fail";

    const auto rows = focus_rows(row, utc7);

    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[1].ChargeCategory, "Credit");
    EXPECT_EQ(rows[1].BilledCost.text, "0.000");
    EXPECT_EQ(rows[1].x_WaivedMvnd, Mvnd{54'000'500});
}

TEST(Focus, ACorrectionIsOneAndItsAmountsAreBelowZero) {
    UsageRow row = slice({-600, 0, 0, 0, -400});
    row.row_kind = "correction";
    row.charged_ugs = Atoms{-7};

    const auto rows = focus_rows(row, utc7);

    EXPECT_EQ(rows[0].ChargeClass, "Correction");
    EXPECT_EQ(rows[0].BilledCost.text, "-0.600");
    EXPECT_EQ(rows[0].x_ChargedUgs + rows[1].x_ChargedUgs, Atoms{-7});
}

MeterRow metered(std::int64_t quantity, std::array<std::int64_t, 2> paid) {
    MeterRow row;
    row.zone_id = ZoneId{"dn"};
    row.period = "2026-03";
    row.enterprise_id = EnterpriseId{"0401000001"};
    row.service = "cloud";
    row.meter = MeterId{"vcpu"};
    row.row_id = "r1";
    row.unit = "vcpu-hour";
    row.price_mvnd_per_unit = Mvnd{500'000};
    row.quantity_micro = quantity;
    row.paid_zone_mvnd = Mvnd{paid[0]};
    row.paid_enterprise_mvnd = Mvnd{paid[1]};
    row.list_mvnd = Mvnd{paid[0] + paid[1]};
    return row;
}

TEST(Focus, OtherServicesAreRowsInTheirOwnUnits) {
    const auto rows = focus_rows(metered(10'000'000, {1'000'000, 4'000'000}), utc7);

    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].ServiceName, "cloud");
    EXPECT_EQ(rows[0].ChargeCategory, "Usage");
    EXPECT_EQ(rows[0].BillingAccountId, "dn:zone");
    EXPECT_EQ(rows[0].ConsumedQuantity.text, "2.000000");
    EXPECT_EQ(rows[1].BilledCost.text, "4000.000");
    EXPECT_EQ(rows[1].PricingQuantity.text, "8.000000");
    EXPECT_EQ(rows[1].PricingUnit, "vcpu-hour");
    EXPECT_EQ(rows[1].ListUnitPrice.text, "500.000");
    EXPECT_EQ(rows[1].x_Reading, "2026-03/vcpu/r1");
    EXPECT_FALSE(rows[1].x_JobId);
    EXPECT_FALSE(rows[1].ChargeClass);
}

TEST(Focus, WhatAMeterTakesBackIsACreditAndOfAnotherMonthACorrection) {
    MeterRow row = metered(-10'000'000, {-1'000'000, -4'000'000});
    row.row_kind = "correction";
    row.row_id = "c1";
    row.reason = "ran twice";
    row.corrects = "2026-02/vcpu/r1";
    const auto rows = focus_rows(row, utc7);
    row.corrects = "2026-03/vcpu/r1";
    const auto same_month = focus_rows(row, utc7);

    EXPECT_EQ(rows[0].ChargeCategory, "Credit");
    EXPECT_EQ(rows[0].ChargeClass, "Correction");
    EXPECT_EQ(rows[0].BilledCost.text, "-1000.000");
    EXPECT_EQ(rows[0].ConsumedQuantity.text, "-2.000000");
    EXPECT_EQ(rows[0].x_Reading, "2026-02/vcpu/r1/c1");
    EXPECT_EQ(rows[0].ChargeDescription, "vcpu, row c1, corrects 2026-02/vcpu/r1: ran twice");
    EXPECT_EQ(same_month[0].ChargeCategory, "Credit");
    EXPECT_FALSE(same_month[0].ChargeClass);
}

RC_GTEST_PROP(FocusProperty, ThePartsAddUpToTheReading, ()) {
    const auto amount = [] { return *rc::gen::inRange<std::int64_t>(-3'000'000, 3'000'000); };
    const MeterRow row =
        metered(*rc::gen::inRange<std::int64_t>(-900'000'000, 900'000'000), {amount(), amount()});

    Mvnd cost;
    std::int64_t quantity = 0;
    for (const FocusRow& each : focus_rows(row, utc7)) {
        cost += each.x_PaidMvnd;
        quantity += each.x_QuantityMicro.value_or(0);
        RC_ASSERT((each.ChargeCategory == "Credit") == (each.x_PaidMvnd < Mvnd{0}));
    }

    RC_ASSERT(cost == row.list_mvnd);
    RC_ASSERT(quantity == row.quantity_micro);
}

RC_GTEST_PROP(FocusProperty, ThePartsAddUpToTheSlice, ()) {
    std::array<std::int64_t, 5> paid{};
    const std::int64_t sign = *rc::gen::element<std::int64_t>(1, -1);
    for (std::int64_t& each : paid) {
        each = sign * *rc::gen::inRange<std::int64_t>(0, 3'000'000'000'000);
    }
    UsageRow row = slice(paid);
    row.metered_ugs = Atoms{sign * *rc::gen::inRange<std::int64_t>(0, 4'000'000'000'000'000)};
    row.charged_ugs = Atoms{sign * *rc::gen::inRange<std::int64_t>(0, 4'000'000'000'000'000)};

    Mvnd cost;
    Atoms metered, charged;
    for (const FocusRow& each : focus_rows(row, utc7)) {
        cost += each.x_PaidMvnd;
        metered += each.x_MeteredUgs;
        charged += each.x_ChargedUgs;
        RC_ASSERT(each.x_ChargedUgs.value * sign >= 0);
    }

    RC_ASSERT(cost == row.list_mvnd);
    RC_ASSERT(metered == row.metered_ugs);
    RC_ASSERT(charged == row.charged_ugs);
}

}  // namespace
}  // namespace khu
