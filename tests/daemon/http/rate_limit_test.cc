#include "daemon/rate_limit.h"

#include <gtest/gtest.h>

#include "core/base/limits.h"

namespace khu::daemon {
namespace {

constexpr Moment kMorning{1'772'413'200'000};
constexpr Rate kRate{.per_second = 10, .burst = 20};

TEST(RateLimiter, GivesTheBurstAtOnceAndThenTheRate) {
    RateLimiter rates;

    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(rates.take("an", kRate, 1, kMorning), std::nullopt);
    }

    EXPECT_EQ(rates.take("an", kRate, 1, kMorning), milliseconds(100));
    EXPECT_EQ(rates.take("an", kRate, 5, kMorning + milliseconds(100)), milliseconds(400));
    EXPECT_EQ(rates.take("an", kRate, 1, kMorning + milliseconds(100)), std::nullopt);
    EXPECT_NE(rates.take("an", kRate, 1, kMorning + milliseconds(100)), std::nullopt);
}

TEST(RateLimiter, OneUsersHasteIsNotAnothers) {
    RateLimiter rates;
    EXPECT_EQ(rates.take("an", kRate, 20, kMorning), std::nullopt);

    EXPECT_NE(rates.take("an", kRate, 1, kMorning), std::nullopt);
    EXPECT_EQ(rates.take("binh", kRate, 1, kMorning), std::nullopt);
}

TEST(RateLimiter, AClockThatStandsOrGoesBackGivesNothing) {
    RateLimiter rates;
    EXPECT_EQ(rates.take("an", kRate, 20, kMorning), std::nullopt);

    EXPECT_NE(rates.take("an", kRate, 1, kMorning - hours(1)), std::nullopt);
    EXPECT_NE(rates.take("an", kRate, 1, kMorning), std::nullopt);
}

TEST(RateLimiter, ManyStrangersCostBoundedMemoryAndFullBucketsAreForgotten) {
    RateLimiter rates;
    for (std::int64_t i = 0; i < limits::rate_buckets_max + 100; ++i) {
        rates.take("address " + std::to_string(i), kRate, 1, kMorning);
    }
    EXPECT_LE(static_cast<std::int64_t>(rates.buckets()), limits::rate_buckets_max + 1);

    rates.take("one more", kRate, 1, kMorning + seconds(10));

    EXPECT_LE(rates.buckets(), 2U);
}

TEST(NetworkOfPeer, IsTheHostOrTheNetworkOfAnIpv6Address) {
    EXPECT_EQ(network_of_peer("10.0.0.7:40112"), "10.0.0.7");
    EXPECT_EQ(network_of_peer("2001:db8:1:2:3:4:5:6:40112"), "2001:db8:1:2::/64");
}

}  // namespace
}  // namespace khu::daemon
