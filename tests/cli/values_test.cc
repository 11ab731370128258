#include "cli/values.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <time.h>

#include <cstdlib>

namespace khu::cli {
namespace {

TEST(Values, DurationsInUnitsAndAsSlurmWritesThem) {
    EXPECT_EQ(parse_duration("2h30m"), minutes(150));
    EXPECT_EQ(parse_duration("3d"), days(3));
    EXPECT_EQ(parse_duration("90s"), seconds(90));
    EXPECT_EQ(parse_duration("02:30:00"), minutes(150));
    EXPECT_EQ(parse_duration("30:00"), minutes(30));
    EXPECT_EQ(parse_duration("1-02:00:00"), hours(26));
    EXPECT_EQ(parse_duration("1-02"), hours(26));
}

TEST(Values, DurationsThatCouldMeanTwoThingsAreRefused) {
    for (const char* text : {"", "5", "1.5h", "-3h", "2m3h", "3hh", "h", "10:", "a:b:c", "1:2:3:4",
                             "99999999999999999999h", "9000000000000d", "2h 30m"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
}

TEST(Values, SizesNeedAUnitAndFitIn63Bits) {
    EXPECT_EQ(parse_size("64G"), gibibytes(64));
    EXPECT_EQ(parse_size("512MiB"), Bytes{512LL << 20});
    EXPECT_EQ(parse_size("1T"), gibibytes(1024));
    for (const char* text : {"64", "G", "1.5G", "-1G", "64X", "64Gi", "99999999T", ""}) {
        EXPECT_EQ(parse_size(text), std::nullopt) << text;
    }
}

TEST(Values, GpusWithTheirModelInEitherOrder) {
    EXPECT_EQ(parse_gpus("8")->count, 8);
    EXPECT_EQ(parse_gpus("8:h100")->model, "h100");
    EXPECT_EQ(parse_gpus("h100:8")->count, 8);
    for (const char* text : {"", "h100", "8:", ":8", "a:b", "-1"}) {
        EXPECT_FALSE(parse_gpus(text).has_value()) << text;
    }
}

TEST(Values, SignalsByNameOrNumberWithSecondsBeforeTheLimit) {
    EXPECT_EQ(parse_signal("USR1@120")->number, SIGUSR1);
    EXPECT_EQ(parse_signal("USR1@120")->seconds, 120);
    EXPECT_EQ(parse_signal("SIGTERM")->seconds, 60);
    EXPECT_EQ(parse_signal("10")->number, 10);
    for (const char* text : {"", "USR9", "USR1@", "USR1@x", "0", "65"}) {
        EXPECT_FALSE(parse_signal(text).has_value()) << text;
    }
}

TEST(Values, GpuHoursAreExact) {
    EXPECT_EQ(parse_gpu_hours("5000"), gpu_hours(5000));
    EXPECT_EQ(parse_gpu_hours("5000 GPUh"), gpu_hours(5000));
    EXPECT_EQ(parse_gpu_hours("0.000001h"), Atoms{3600});
    for (const char* text : {"", "h", "-5h", "1.0000001h", "1.", "1e3"}) {
        EXPECT_EQ(parse_gpu_hours(text), std::nullopt) << text;
    }
}

class Moments : public testing::Test {
protected:
    void SetUp() override {
        ::setenv("TZ", "Asia/Ho_Chi_Minh", 1);
        ::tzset();
    }
    const Moment now{1'772'413'200'000};  // 2026-03-02T01:00:00Z, eight in the morning there
};

TEST_F(Moments, DatesAreLocalUnlessTheySayOtherwise) {
    EXPECT_EQ(parse_moment("2026-03-02T08:00", now), now);
    EXPECT_EQ(parse_moment("2026-03-02T08:00:00+07:00", now), now);
    EXPECT_EQ(parse_moment("2026-03-02T01:00:00Z", now), now);
    EXPECT_EQ(parse_moment("2026-03-02", now), now + hours(-8));
}

TEST_F(Moments, AClockTimeIsTheNextOne) {
    EXPECT_EQ(parse_moment("09:30", now), now + minutes(90));
    EXPECT_EQ(parse_moment("07:00", now), now + hours(23));
    EXPECT_EQ(parse_moment("now+2h", now), now + hours(2));
}

TEST_F(Moments, DaysThatDoNotExistAreRefused) {
    for (const char* text : {"2026-02-30", "2026-13-01", "2026-3-2", "25:00", "tomorrow", "",
                             "2026-03-02T08", "2026-03-02T08:00+25:00", "now-2h", "2026-03-02X"}) {
        EXPECT_EQ(parse_moment(text, now), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace khu::cli
