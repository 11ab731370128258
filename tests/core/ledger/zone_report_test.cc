// The zone's report of a month, and what its public form must never show.

#include "core/ledger/zone_report.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

namespace khu {
namespace {

UsageRow row(int enterprise, const char* programme, std::int64_t charged) {
    UsageRow made;
    made.enterprise_id = EnterpriseId{"e" + std::to_string(enterprise)};
    made.programme = ProgrammeId{programme};
    made.partition = PartitionId{"gpu"};
    made.charged_ugs = Atoms{charged};
    made.metered_ugs = Atoms{charged};
    made.list_mvnd = Mvnd{charged};
    made.paid_zone_mvnd = Mvnd{charged};
    made.queue_wait_s = charged;
    return made;
}

std::optional<std::int64_t> value(const std::vector<ZoneMeasure>& all, const std::string& measure,
                                  const std::string& dim, const std::string& unit = "ugs") {
    for (const ZoneMeasure& each : all) {
        if (each.measure == measure && each.dim1 == dim && each.unit == unit) {
            return each.value;
        }
    }
    return -1;  // there is no such row
}

TEST(ZoneReport, SumsByProgrammeAndInAll) {
    ZoneReport report(0);
    report.add(row(1, "kn", 10));
    report.add(row(2, "kn", 5));
    report.add(row(1, "free", 7));
    report.add_floor_lifts(3);

    const std::vector<ZoneMeasure> all = report.finish();

    EXPECT_EQ(value(all, "floor_rule_applied", "", "count"), 3);
    EXPECT_EQ(value(all, "charged", "kn"), 15);
    EXPECT_EQ(value(all, "charged", "free"), 7);
    EXPECT_EQ(value(all, "charged", ""), 22);
    EXPECT_EQ(value(all, "paid_zone", "kn", "mvnd"), 15);
    EXPECT_EQ(value(all, "wait_median", "kn", "s"), 5);
    EXPECT_EQ(value(all, "wait_p90", "kn", "s"), 10);
    EXPECT_EQ(value(all, "enterprises_active", "", "count"), 2);
}

TEST(ZoneReport, ASmallCellTakesAnotherWithItSoThatNoSubtractionFindsIt) {
    ZoneReport report(3);
    for (int enterprise = 1; enterprise <= 4; ++enterprise) {
        report.add(row(enterprise, "kn", 10));
        report.add(row(enterprise + 10, "open", 1));
    }
    report.add(row(9, "sandbox", 1000));  // One enterprise alone.

    const std::vector<ZoneMeasure> all = report.finish();

    EXPECT_EQ(value(all, "charged", "sandbox"), -1);
    EXPECT_EQ(value(all, "charged", "kn"), -1);  // It would have been total less the others.
    EXPECT_EQ(value(all, "charged", "(other)"), 1040);
    EXPECT_EQ(value(all, "charged", "open"), 4);
    EXPECT_EQ(value(all, "charged", ""), 1044);
}

TEST(ZoneReport, TooFewInAllShowNothing) {
    ZoneReport report(5);
    report.add(row(1, "kn", 10));

    const std::vector<ZoneMeasure> all = report.finish();

    EXPECT_EQ(value(all, "charged", ""), std::nullopt);
    EXPECT_EQ(value(all, "enterprises_active", "", "count"), std::nullopt);
    EXPECT_EQ(value(all, "floor_rule_applied", "", "count"), std::nullopt);
    for (const ZoneMeasure& each : all) {
        EXPECT_EQ(each.value, std::nullopt) << each.measure;
    }
}

RC_GTEST_PROP(ZoneReportProperty, NoPublicCellIsOfTooFewAndNoDifferenceIs_I28, ()) {
    const int least = *rc::gen::inRange(2, 6);
    ZoneReport report(least);
    std::map<std::string, std::set<int>> members;
    std::map<std::string, std::int64_t> sums;
    const int count = *rc::gen::inRange(0, 60);
    for (int i = 0; i < count; ++i) {
        const int enterprise = *rc::gen::inRange(0, 14);
        const std::string programme = *rc::gen::element<std::string>("a", "b", "c", "d");
        const std::int64_t charged = *rc::gen::inRange<std::int64_t>(0, 1'000'000);
        report.add(row(enterprise, programme.c_str(), charged));
        members[programme].insert(enterprise);
        sums[programme] += charged;
    }

    std::set<std::string> shown;
    std::optional<std::int64_t> total;
    std::optional<std::int64_t> other;
    for (const ZoneMeasure& each : report.finish()) {
        if (each.measure != "charged" || members.empty() || each.dim1 == "gpu") {
            continue;
        }
        if (each.dim1.empty()) {
            total = total ? total : each.value;
        } else if (each.dim1 == "(other)" && !other) {
            other = each.value;
        } else if (members.contains(each.dim1)) {
            RC_ASSERT(static_cast<int>(members[each.dim1].size()) >= least);
            RC_ASSERT(each.value == sums[each.dim1]);
            shown.insert(each.dim1);
        }
    }
    // What total less everything shown amounts to is of nobody, or of enough enterprises.
    std::set<int> rest;
    std::int64_t rest_sum = 0;
    for (const auto& [programme, enterprises] : members) {
        if (!shown.contains(programme)) {
            rest.insert(enterprises.begin(), enterprises.end());
            rest_sum += sums[programme];
        }
    }
    RC_ASSERT(!total || rest.empty() || static_cast<int>(rest.size()) >= least);
    RC_ASSERT(!total || rest.empty() || other == rest_sum);
}

GrantCount count(const char* measure, int enterprise, std::int64_t value) {
    return {.measure = measure,
            .programme = ProgrammeId{"kn"},
            .enterprise = EnterpriseId{"e" + std::to_string(enterprise)},
            .value = value};
}

TEST(ZoneReport, TellsWhatHappenedToGrantsAndThatNothingMeasuresEnergy) {
    ZoneReport report(0);
    report.add({count("approved", 1, 1), count("approved", 2, 2), count("days_to_decision", 1, 3),
                count("days_to_decision", 2, 9), count("days_to_decision", 2, 5),
                count("expired", 1, 70), count("reports_due", 1, 1)});

    const std::vector<ZoneMeasure> all = report.finish();

    EXPECT_EQ(value(all, "approved", "kn", "count"), 3);
    EXPECT_EQ(value(all, "days_to_decision_median", "kn", "days"), 5);
    EXPECT_EQ(value(all, "expired", "", "ugs"), 70);
    EXPECT_EQ(value(all, "reports_due", "", "count"), 1);
    EXPECT_EQ(value(all, "reports_late", "", "count"), 0);  // Nothing of it is said too.
    EXPECT_EQ(value(all, "energy", "", "Wh"), std::nullopt);
    const auto energy = std::ranges::find(all, "energy", &ZoneMeasure::measure);
    EXPECT_EQ(energy->note, "nothing measures it");
}

TEST(ZoneReport, AMonthThatWasNotCountedHasNoneOfThoseLines) {
    ZoneReport report(0);
    report.add(row(1, "kn", 10));

    for (const ZoneMeasure& each : report.finish()) {
        EXPECT_NE(each.section, "grants");
        EXPECT_NE(each.section, "outcome");
        EXPECT_NE(each.section, "energy");
    }
}

TEST(ZoneReport, InPublicNoCountIsOfTooFew) {
    ZoneReport report(3);
    report.add({count("refused", 1, 1), count("refused", 2, 1), count("approved", 1, 1),
                count("approved", 2, 1), count("approved", 3, 1)});

    const std::vector<ZoneMeasure> all = report.finish();

    EXPECT_EQ(value(all, "refused", "kn", "count"), -1);
    EXPECT_EQ(value(all, "refused", "", "count"), std::nullopt);
    EXPECT_EQ(value(all, "approved", "kn", "count"), 3);
}

TEST(ZoneReport, WhatIsInstalledIsUsedIdleDownOrInMaintenance) {
    ZoneReport report(0);
    UsageRow row;
    row.enterprise_id = EnterpriseId{"0401000001"};
    row.partition = PartitionId{"gpu"};
    row.metered_ugs = Atoms{300};
    report.add(row);
    report.add(CapacityTotal{.partition = PartitionId{"gpu"},
                             .installed = Atoms{1'000},
                             .down = Atoms{50},
                             .maintenance = Atoms{20},
                             .reserved_idle = Atoms{130}});

    std::map<std::string, std::int64_t> found;
    for (const ZoneMeasure& each : report.finish()) {
        if (each.section == "capacity") {
            EXPECT_EQ(each.dim1, "gpu");
            EXPECT_EQ(each.unit, "ugs");
            found[each.measure] = each.value.value();
        }
    }

    EXPECT_EQ(found, (std::map<std::string, std::int64_t>{{"installed", 1'000},
                                                          {"used", 300},
                                                          {"reserved_idle", 130},
                                                          {"idle", 500},
                                                          {"down", 50},
                                                          {"maintenance", 20}}));
}

TEST(ZoneReport, InPublicIdleDoesNotTellWhatOneEnterpriseUsed_I28) {
    ZoneReport report(5);
    UsageRow row;
    row.enterprise_id = EnterpriseId{"0401000001"};
    row.partition = PartitionId{"gpu"};
    row.metered_ugs = Atoms{300};
    report.add(row);
    report.add(CapacityTotal{.partition = PartitionId{"gpu"}, .installed = Atoms{1'000}});

    for (const ZoneMeasure& each : report.finish()) {
        const bool tells =
            each.measure == "used" || each.measure == "idle" || each.measure == "reserved_idle";
        EXPECT_EQ(each.section == "capacity" && !tells, each.value.has_value()) << each.measure;
    }
}

}  // namespace
}  // namespace khu
