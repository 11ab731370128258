#include "config/values.h"

#include <gtest/gtest.h>

namespace khu::config {
namespace {

template <class T>
std::string code(const Value<T>& value) {
    return value ? "ok" : value.error().code;
}

TEST(Durations, AreWrittenWithTheirUnits) {
    EXPECT_EQ(parse_duration("30m").value(), minutes(30));
    EXPECT_EQ(parse_duration("2h30m").value(), minutes(150));
    EXPECT_EQ(parse_duration("1d2h3m4s").value(), days(1) + hours(2) + minutes(3) + seconds(4));
    EXPECT_EQ(parse_duration("90d").value(), days(90));
}

TEST(Durations, AnythingElseIsRefused) {
    for (const char* text : {"", "24", "1.5h", "90 days", "h", "30m1h", "1h1h", "-1h", "+1h", "1H",
                             "01h", "1h ", " 1h", "1w", "0x1h", "99999999999h", "36601d"}) {
        EXPECT_EQ(code(parse_duration(text)), "P014") << text;
    }
    EXPECT_EQ(code(parse_duration("0h")), "P012");
}

TEST(TimeLimits, UnderstandSlurmsForms) {
    EXPECT_EQ(parse_time_limit("90").value(), minutes(90));
    EXPECT_EQ(parse_time_limit("90:30").value(), minutes(90) + seconds(30));
    EXPECT_EQ(parse_time_limit("02:00:00").value(), hours(2));
    EXPECT_EQ(parse_time_limit("1-02:00:00").value(), hours(26));
    EXPECT_EQ(parse_time_limit("1-02:30").value(), hours(26) + minutes(30));
    EXPECT_EQ(parse_time_limit("3-0").value(), days(3));
    EXPECT_EQ(parse_time_limit("2h30m").value(), minutes(150));
}

TEST(TimeLimits, AnythingElseIsRefused) {
    for (const char* text : {"", ":", "1:", "1-", "-1", "1:2:3:4", "1-2:3:4:5", "1.5", "1e3",
                             "367d", "999999999", "99999999999"}) {
        EXPECT_EQ(code(parse_time_limit(text)), "P014") << text;
    }
    EXPECT_EQ(code(parse_time_limit("0")), "P012");
    EXPECT_EQ(code(parse_time_limit("0:00")), "P012");
}

TEST(Sizes, NeedAUnit) {
    EXPECT_EQ(parse_size("64G").value(), gibibytes(64));
    EXPECT_EQ(parse_size("64GiB").value(), gibibytes(64));
    EXPECT_EQ(parse_size("512m").value().value, 512LL << 20);
    EXPECT_EQ(parse_size("1T").value(), gibibytes(1024));
    EXPECT_EQ(code(parse_size("64")), "P010");
    EXPECT_EQ(code(parse_size("64X")), "P010");
    EXPECT_EQ(code(parse_size("64 G")), "P010");
    EXPECT_EQ(code(parse_size("G")), "P011");
    EXPECT_EQ(code(parse_size("1.5G")), "P010");
    EXPECT_EQ(code(parse_size("-1G")), "P011");
    EXPECT_EQ(code(parse_size("9000000000000T")), "P011");
    EXPECT_EQ(code(parse_size("0G")), "P012");
}

TEST(Gpus, AreACountAndPerhapsAModel) {
    EXPECT_EQ(parse_gpus("8").value(), (GpuRequest{8, GpuModel()}));
    EXPECT_EQ(parse_gpus("8:h100").value(), (GpuRequest{8, GpuModel("h100")}));
    EXPECT_EQ(parse_gpus("0").value().count, 0);
    for (const char* text : {"", "h100", "h100:8", "8:", "8:H100", "-1", "1e3", "1000000000000"}) {
        EXPECT_FALSE(parse_gpus(text).has_value()) << text;
    }
}

TEST(Signals, AreANameOrNumberAndPerhapsSeconds) {
    EXPECT_EQ(parse_signal("USR1@120").value(), (Notice{10, 120}));
    EXPECT_EQ(parse_signal("SIGTERM").value(), (Notice{15, 60}));
    EXPECT_EQ(parse_signal("12@5").value(), (Notice{12, 5}));
    for (const char* text : {"", "@", "FOO", "USR1@", "USR1@0", "USR1@1m", "65", "0", "usr1"}) {
        EXPECT_FALSE(parse_signal(text).has_value()) << text;
    }
}

TEST(Instants, NeedTheirOffset) {
    EXPECT_EQ(parse_instant("2026-03-02T08:00:00+07:00").value(), Moment{1772413200000});
    EXPECT_EQ(parse_instant("2026-03-02T01:00:00Z").value(), Moment{1772413200000});
    for (const char* text :
         {"", "2026-03-02", "2026-03-02T08:00:00", "2026-03-02T24:00:00Z", "2026-02-29T00:00:00Z",
          "2026-03-02 08:00:00Z", "2026-03-02T08:00:00+7:00", "2026-03-02T08:00:00+15:00",
          "2026-03-02T08:00:00.5Z", "0000-00-00T00:00:00Z"}) {
        EXPECT_EQ(code(parse_instant(text)), "P015") << text;
    }
}

TEST(Days, AreLocalMidnights) {
    EXPECT_EQ(parse_day("2026-03-02", 420).value(), Moment{1772384400000});
    EXPECT_EQ(parse_day("2024-02-29", 0).value(), Moment{1709164800000});
    EXPECT_EQ(parse_day("1970-01-01", 0).value(), Moment{0});
    EXPECT_EQ(parse_day("1969-12-31", 0).value(), Moment{-86400000});
    for (const char* text : {"2026-02-29", "2100-02-29", "2026-13-01", "2026-00-01", "2026-04-31",
                             "26-04-01", "2026/04/01", "2026-4-1", "3000-01-01"}) {
        EXPECT_EQ(code(parse_day(text, 420)), "P015") << text;
    }
}

TEST(BeginTimes, MayBeLocalOrRelative) {
    const Moment now{1772413200000};
    EXPECT_EQ(parse_begin("now+2h", now, 420).value(), now + hours(2));
    EXPECT_EQ(parse_begin("2026-03-02", now, 420).value(), Moment{1772384400000});
    EXPECT_EQ(parse_begin("2026-03-02T08:00", now, 420).value(), now);
    EXPECT_EQ(parse_begin("2026-03-02T01:00:00Z", now, 420).value(), now);
    EXPECT_FALSE(parse_begin("tomorrow", now, 420).has_value());
    EXPECT_FALSE(parse_begin("", now, 420).has_value());
}

TEST(TaxCodes, HaveTenDigitsAndPerhapsABranch) {
    EXPECT_TRUE(parse_tax_code("0401000001").has_value());
    EXPECT_TRUE(parse_tax_code("0401000001-001").has_value());
    for (const char* text :
         {"401000001", "04010000011", "0401000001-01", "0401000001001", "04010000a1"}) {
        EXPECT_EQ(code(parse_tax_code(text)), "P009") << text;
    }
}

TEST(Percentages, HaveOneDecimalAtMost) {
    EXPECT_EQ(parse_percent("37.5%", 1000).value(), 375);
    EXPECT_EQ(parse_percent("0%", 1000).value(), 0);
    EXPECT_EQ(parse_percent("1000%", 10'000).value(), 10'000);
    for (const char* text :
         {"", "%", "40", "33.33%", "101%", "-1%", "1.%", ".5%", "040%", "100.1%"}) {
        EXPECT_EQ(code(parse_percent(text, 1000)), "P013") << text;
    }
}

}  // namespace
}  // namespace khu::config
