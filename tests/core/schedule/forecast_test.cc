#include "core/schedule/forecast.h"

#include <gtest/gtest.h>

#include "tests/core/schedule/zone.h"

namespace khu {
namespace {

using machines::gpus;
using machines::kHanRiver;
using machines::kPartition;
using machines::Zone;

/// What each run is expected to take: a quarter of its limit.
std::vector<JobEta> etas(const Zone& zone, std::int64_t most = 100) {
    const auto quarter = [](Span limit) { return Span{limit.value / 4}; };
    const Bookings nothing_booked;
    const ForecastInput input{
        .cluster = zone.scheduler.cluster(),
        .queue = zone.scheduler.queue(),
        .running = zone.scheduler.running(),
        .memo = zone.scheduler.memo(),
        .expected_run = [&](JobId id) { return quarter(zone.jobs.at(id).time_limit); },
        .expected_end =
            [&](JobId id) {
                return zone.scheduler.running().find(id)->deadline -
                       quarter(zone.jobs.at(id).time_limit) * 3;
            },
        .bookings = nothing_booked,
        .may_begin = {},
        .openings = {},
        .now = zone.now};
    return forecast(input, kPartition, most);
}

class Forecast : public ::testing::Test {
protected:
    Forecast() : zone(2) { zone.now = Moment{1'800'000'000'000}; }  // a whole minute
    Zone zone;
};

TEST_F(Forecast, LiesBetweenWhatRunsTakeAndWhatTheyMay) {
    zone.submit(gpus(8, 2), hours(4));
    const JobId first = zone.submit(gpus(8, 2), hours(8));
    const JobId second = zone.submit(gpus(8, 1), hours(1));
    zone.settle();

    const std::vector<JobEta> told = etas(zone);

    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[0],
              (JobEta{.job = first, .early = zone.now + minutes(15), .late = zone.now + hours(4)}));
    EXPECT_EQ(
        told[1],
        (JobEta{.job = second, .early = zone.now + minutes(45), .late = zone.now + hours(18)}));
}

TEST_F(Forecast, AJobThatFitsBesideTheFirstMayStartBeforeIt) {
    zone.submit(gpus(8, 1), hours(4));
    zone.submit(gpus(8, 2), hours(8));
    const JobId narrow = zone.submit(gpus(1), hours(100));
    zone.settle();

    const std::vector<JobEta> told = etas(zone);

    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[1].job, narrow);
    EXPECT_EQ(told[1].early, zone.now);
    EXPECT_EQ(told[1].late, zone.now + hours(18));
}

TEST_F(Forecast, TheFirstInLineIsToldItsReservation) {
    zone.submit(gpus(8, 2), hours(4));
    const JobId first = zone.submit(gpus(8, 2), hours(8));
    zone.settle();

    ASSERT_NE(zone.reservation(), nullptr);
    EXPECT_EQ(zone.reservation()->job, first);
    EXPECT_EQ(etas(zone).at(0).late, zone.reservation()->at);
}

TEST_F(Forecast, NodesBelongToOneEnterpriseAtATime) {
    zone.submit(gpus(1), hours(4));
    zone.submit(gpus(8), hours(4));
    GangRequest other = gpus(1);
    other.enterprise = kHanRiver;
    zone.submit(other, hours(1));
    zone.settle();

    EXPECT_EQ(etas(zone).at(0).early, zone.now + minutes(15));
}

TEST_F(Forecast, LeavesOutWhatAdmissionKeepsWaitingAndWhatNeverFits) {
    zone.submit(gpus(8, 2), hours(4));
    const JobId refused = zone.submit(gpus(8, 2), hours(1));
    zone.door.refused.insert(refused);
    const JobId free = zone.submit(gpus(8, 1), hours(1));
    zone.submit(gpus(8, 3), hours(1));
    zone.settle();

    const std::vector<JobEta> told = etas(zone);

    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].job, free);
}

TEST_F(Forecast, LooksAtSoManyJobsAndNoMore) {
    for (int i = 0; i < 10; ++i) {
        zone.submit(gpus(8, 2), hours(1) + minutes(i));
    }
    zone.settle();

    EXPECT_EQ(etas(zone, 4).size(), 4U);
    EXPECT_EQ(etas(zone).size(), 9U);
}

}  // namespace
}  // namespace khu
