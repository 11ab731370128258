#include "core/base/units.h"

#include <gtest/gtest.h>

#include <set>

#include "core/base/refusal.h"

namespace khu {
namespace {

TEST(Units, PrintsGpuHoursHalfToEven) {
    EXPECT_EQ(format_gpu_hours(Atoms{15'909'120'000'000}), "4419.200000");
    EXPECT_EQ(format_gpu_hours(Atoms{1'799'991'860'000}), "499.997739");
    EXPECT_EQ(format_gpu_hours(Atoms{1800}), "0.000000");
    EXPECT_EQ(format_gpu_hours(Atoms{5400}), "0.000002");
}

TEST(Units, ForPeopleHoursAreNeverMoreThanThereAre) {
    constexpr std::int64_t hour = 3'600'000'000;
    EXPECT_EQ(format_gpu_hours_short(Atoms{64 * hour}), "64.0 GPU-hours");
    EXPECT_EQ(format_gpu_hours_short(Atoms{2000 * hour - 1}), "1999.999 GPU-hours");
    EXPECT_EQ(format_gpu_hours_short(Atoms{12 * hour + hour / 4}), "12.25 GPU-hours");
    EXPECT_EQ(format_gpu_hours_short(Atoms{hour / 10 - 1}), "0.100000 GPU-hours");
    EXPECT_EQ(format_gpu_hours_short(Atoms{0}), "0.0 GPU-hours");
    EXPECT_EQ(format_gpu_hours_short(Atoms{-hour}), "-1.000000 GPU-hours");
}

TEST(Units, PrintsMomentsInUtcAndAtTheZonesOffset) {
    EXPECT_EQ(format_utc(Moment{1772413200000}), "2026-03-02T01:00:00Z");
    EXPECT_EQ(format_local(Moment{1772413200000}, 420), "2026-03-02T08:00:00+07:00");
    EXPECT_EQ(format_local_day(Moment{1772413200000}, 420), "2026-03-02T08:00:00+07:00");
    EXPECT_EQ(format_local_day(Moment{1772413200000} - hours(8), 420), "2026-03-02");
    EXPECT_EQ(format_local_day(Moment{1772413200000} - hours(8), 0), "2026-03-01T17:00:00+00:00");
    EXPECT_EQ(format_utc(Moment{-1000}), "1969-12-31T23:59:59Z");
    EXPECT_EQ(format_utc(kNever), "9999-12-31T23:59:59Z");
}

TEST(Units, PrintsSpans) {
    EXPECT_EQ(format_span(hours(2) + minutes(30)), "2h30m");
    EXPECT_EQ(format_span(milliseconds(250)), "250ms");
    EXPECT_EQ(format_span(Span{0}), "0s");
}

TEST(Units, RoundsChargedTimeUpToWholeSeconds) {
    EXPECT_EQ(whole_seconds_up(milliseconds(1)), 1);
    EXPECT_EQ(whole_seconds_up(seconds(2)), 2);
    EXPECT_EQ(whole_seconds_up(Span{0}), 0);
}

TEST(UnitsDeathTest, BreaksAClaimInsteadOfWrapping) {
    EXPECT_DEATH((void)(Atoms{INT64_MAX} + Atoms{1}), "claim broken");
}

TEST(Refusals, PrintTheirNumbersInTheirUnits) {
    const Refusal refusal = Refusal(Code::GrantTooSmall)
                                .with("grant", "DN-2026-0107")
                                .with("granted_ugs", gpu_hours(40).value)
                                .with("needed_ugs", gpu_hours(64).value)
                                .with("gpus", 8)
                                .with("limit_s", 28'800);
    EXPECT_EQ(text(refusal, Language::English),
              "grant DN-2026-0107 is 40.0 GPU-hours in all and this job holds 64.0 GPU-hours "
              "(8 GPUs x 8h limit)");
}

TEST(Refusals, EndWithWhereTheirLimitStands) {
    const Refusal bare =
        Refusal(Code::ResourcesBusy).limited_by("programmes.kn-80.limits.max_users");
    const Refusal cited = Refusal(bare).citing({Layer::Province, "dn-2026.1", 88});
    const Refusal without_line = Refusal(bare).citing({Layer::Zone, "dn-cvpm2-2026.2", 0});

    EXPECT_EQ(text(cited, Language::English),
              text(bare, Language::English) + " (province dn-2026.1, line 88)");
    EXPECT_EQ(text(cited, Language::Vietnamese),
              text(bare, Language::Vietnamese) + " (tỉnh dn-2026.1, dòng 88)");
    EXPECT_EQ(text(without_line, Language::English),
              text(bare, Language::English) + " (zone dn-cvpm2-2026.2)");
    EXPECT_EQ(*limit_key(cited), "programmes.kn-80.limits.max_users");
    EXPECT_EQ(cited_source(cited), (RuleSource{Layer::Province, "dn-2026.1", 88}));
    EXPECT_EQ(cited_source(bare), std::nullopt);
}

TEST(Refusals, HaveUniqueIdsAndNames) {
    std::set<std::string_view> seen;
    for (const CodeInfo& code : all_codes()) {
        EXPECT_TRUE(seen.insert(code.id).second) << code.id;
        EXPECT_TRUE(seen.insert(code.name).second) << code.name;
        EXPECT_FALSE(code.text_vi.empty()) << code.id;
    }
}

}  // namespace
}  // namespace khu
