#include <gtest/gtest.h>

#include "core/machine/advice.h"
#include "core/machine/calendar.h"
#include "tests/core/machine/zone_builder.h"

namespace khu {
namespace {

using testing::job_of;
using testing::small_policy;
using testing::Zone;

constexpr Moment kMorning{1'775'000'000'000};  // when a test's zone begins

/// From two hours after the beginning for an hour.
Policy with_blackout(const std::string& partition = "gpu") {
    Policy policy = small_policy();
    Partition other = policy.partitions.front();
    other.id = PartitionId{"other"};
    other.nodes = {NodeName{"n9"}};
    policy.partitions.push_back(other);
    policy.calendar.blackouts = {
        {.id = "power-work",
         .window = {.from = kMorning + hours(2), .to = kMorning + hours(3)},
         .partitions = {PartitionId{partition}}}};
    return policy;
}

JobSpec job_for(Span limit) {
    JobSpec spec = job_of(1, 1);
    spec.time_limit = limit;
    return spec;
}

bool runs(const Zone& zone, JobId job) {
    return live_attempt(*zone.job(job)) != nullptr;
}

TEST(Blackout, AJobThatEndsBeforeItStartsAndALongerOneWaits) {
    Zone zone(with_blackout());

    const JobId fits = zone.submit(job_for(hours(2)));
    const JobId longer = zone.submit(job_for(hours(2) + minutes(1)));

    EXPECT_TRUE(runs(zone, fits));
    EXPECT_FALSE(runs(zone, longer));
    const std::optional<Reason> why = zone.machine.state().scheduler.why(longer, zone.now);
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code, Code::BlackoutAhead);
}

TEST(Blackout, WhenItIsOverTheJobStartsByItself) {
    Zone zone(with_blackout());
    const JobId job = zone.submit(job_for(hours(4)));
    zone.pass(hours(2) + minutes(30));
    zone.round();
    EXPECT_FALSE(runs(zone, job));

    EXPECT_LE(zone.machine.next_wake(), kMorning + hours(3));
    zone.pass(minutes(30));
    zone.round();

    EXPECT_TRUE(runs(zone, job));
}

TEST(Blackout, OtherPartitionsAreNotTouched) {
    Zone zone(with_blackout("other"));

    EXPECT_TRUE(runs(zone, zone.submit(job_for(hours(4)))));
}

TEST(Blackout, AdviceNamesTheTimeThatEndsBeforeIt) {
    Zone zone(with_blackout());
    const JobId job = zone.submit(job_for(hours(4)));

    const Advice advice = advise(zone.machine.borrow(), *zone.job(job), zone.now);

    ASSERT_EQ(advice.blockers.size(), 1U);
    EXPECT_EQ(advice.blockers[0].code, Code::BlackoutAhead);
    ASSERT_FALSE(advice.changes.empty());
    EXPECT_EQ(advice.changes[0].kind, ChangeKind::ShorterTime);
    EXPECT_EQ(advice.changes[0].to.time_limit, hours(2));
}

}  // namespace
}  // namespace khu
