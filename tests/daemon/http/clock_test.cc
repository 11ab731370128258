/// L208: steps of the wall clock are noticed beside the zone's own time.

#include "daemon/clock.h"

#include <gtest/gtest.h>

namespace khu::daemon {
namespace {

constexpr Moment kBegin{1'775'000'000'000};

TEST(WallWatch, SaysByHowMuchItSteppedBackOrFarForward_L208) {
    WallWatch watch;
    EXPECT_EQ(watch.look(kBegin, kBegin), std::nullopt);
    EXPECT_EQ(watch.look(kBegin + seconds(5), kBegin + seconds(5)), std::nullopt);

    EXPECT_EQ(watch.look(kBegin, kBegin + seconds(10)), seconds(-10));
    EXPECT_EQ(watch.look(kBegin + seconds(5), kBegin + seconds(15)), std::nullopt) << "said once";
    EXPECT_EQ(watch.look(kBegin + hours(2), kBegin + seconds(20)), hours(2) - seconds(10));
}

TEST(WallWatch, WhatIsCorrectedSlowlyOrForwardByLittleIsNoStep) {
    WallWatch watch;
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(watch.look(kBegin + minutes(i) - milliseconds(500 * i), kBegin + minutes(i)),
                  std::nullopt);
    }
    EXPECT_EQ(watch.look(kBegin + minutes(104), kBegin + minutes(100)), std::nullopt);
}

TEST(WallWatch, AZoneWhoseTimeIsAheadAfterARestartIsNoStep) {
    WallWatch watch;
    EXPECT_EQ(watch.look(kBegin - hours(3), kBegin), std::nullopt);
    EXPECT_EQ(watch.look(kBegin - hours(3) + seconds(1), kBegin + seconds(1)), std::nullopt);
}

}  // namespace
}  // namespace khu::daemon
