#include "core/schedule/ordering.h"

#include <gtest/gtest.h>

#include "tests/core/schedule/zone.h"

namespace khu {
namespace {

using namespace machines;

const Moment kNow{1'800'000'000'000};
const Priority kUsual;

Moment as_if(OrderStrategy strategy, Standing standing) {
    standing.submitted = kNow;
    return order_factors(strategy, kUsual, standing).as_if();
}

TEST(Ordering, LetsThosePassThatComeWithinAQuarterOfTheLimit) {
    EXPECT_EQ(as_if(OrderStrategy::FairTree, {.time_limit = hours(24)}), kNow + hours(6));
}

TEST(Ordering, LetsFewerPassAWiderJob) {
    EXPECT_EQ(as_if(OrderStrategy::FairTree, {.time_limit = hours(24), .width_permille = 500}),
              kNow + hours(3));
    EXPECT_EQ(as_if(OrderStrategy::FairTree, {.time_limit = hours(24), .width_permille = 1000}),
              kNow);
}

TEST(Ordering, TheFairShareDelaysAWiderJobByWhatItLeavesToOthers) {
    const auto narrow = [](OrderStrategy strategy, int width_permille) {
        return order_factors(strategy, kUsual, {.width_permille = width_permille}).narrow_permille;
    };
    EXPECT_EQ(narrow(OrderStrategy::FairTree, 300), 700);
    EXPECT_EQ(narrow(OrderStrategy::ShortestPredicted, 1000), 0);
    EXPECT_EQ((Delay{.share = hours(12), .penalty = hours(5)}.of(250)), hours(8));
}

TEST(Ordering, GivesATierThePointsOfThePolicy) {
    // 100 points a tier at 10 points an hour of age: ten hours.
    EXPECT_EQ(as_if(OrderStrategy::Priority, {.tier = 3, .time_limit = hours(24)}),
              kNow - hours(30));
    EXPECT_EQ(as_if(OrderStrategy::Fifo, {.tier = 3, .time_limit = hours(24)}), kNow);
}

TEST(Ordering, GoesByPredictedRunsWhereThePolicySaysSo) {
    EXPECT_EQ(
        as_if(OrderStrategy::ShortestPredicted, {.time_limit = days(9), .predicted = hours(2)}),
        kNow + hours(4));
}

TEST(Ordering, DoesNotOverflowWithThePointsOfAMadPolicy) {
    Priority mad;
    mad.qos_per_tier = 1'000'000'000;
    mad.age.per_hour = 0;

    EXPECT_EQ(
        order_factors(OrderStrategy::Priority, mad, {.submitted = kNow, .tier = 1000}).as_if(),
        kNow - days(366));
}

/// Two enterprises and a zone with room for one job: who has had less comes first.
class Fair : public testing::Test {
protected:
    Fair() {
        zone.scheduler.fair_share(days(14), hours(12), {});
        zone.door.use = gpu_hours(8);
    }
    JobId submit(const EnterpriseId& who, Moment as_if_at, int narrow_permille = 1000) {
        QueuedJob job;
        job.id = JobId{++zone.last_job};
        job.request = gpus(8);
        job.request.enterprise = who;
        job.time_limit = hours(1);
        job.as_if = as_if_at;
        job.leaf = zone.scheduler.fair().leaf(ProgrammeId{"p"}, who);
        job.narrow_permille = narrow_permille;
        zone.jobs[job.id] = job;
        zone.scheduler.job_queued(job, zone.now);
        return job.id;
    }
    Zone zone{4};
};

TEST_F(Fair, StartsTakeTurnsInOneRound) {
    std::vector<JobId> first;
    std::vector<JobId> second;
    for (int i = 0; i < 3; ++i) {
        first.push_back(submit(kSaoMai, kNow));
    }
    for (int i = 0; i < 3; ++i) {
        second.push_back(submit(kHanRiver, kNow + hours(1)));
    }

    EXPECT_EQ(zone.settle(), (std::vector<JobId>{first[0], second[0], first[1], second[1]}));
}

TEST_F(Fair, NeverDelaysAJobByMoreThanTheReach) {
    const LeafNumber used_much = zone.scheduler.fair().leaf(ProgrammeId{"p"}, kSaoMai);
    zone.scheduler.fair().leaf(ProgrammeId{"p"}, kHanRiver);
    zone.scheduler.fair().hold(used_much, gpu_hours(1'000'000));
    for (int i = 0; i < 4; ++i) {
        submit(kHanRiver, kNow);
    }
    zone.settle();  // full
    const JobId old = submit(kSaoMai, kNow);
    const JobId later = submit(kHanRiver, kNow + hours(13));
    const JobId soon = submit(kHanRiver, kNow + hours(11));

    zone.settle();
    for (std::uint64_t job = 1; job <= 3; ++job) {
        zone.end(JobId{job});
        zone.settle();
    }

    EXPECT_FALSE(zone.scheduler.queue().contains(soon));
    EXPECT_FALSE(zone.scheduler.queue().contains(old));
    EXPECT_FALSE(zone.scheduler.queue().contains(later));
    EXPECT_EQ((std::vector<JobId>(zone.door.went.end() - 3, zone.door.went.end())),
              (std::vector<JobId>{soon, old, later}));
}

TEST_F(Fair, LetsNobodyPassAJobThatNeedsAllOfItsPartition) {
    const LeafNumber used_much = zone.scheduler.fair().leaf(ProgrammeId{"p"}, kSaoMai);
    zone.scheduler.fair().leaf(ProgrammeId{"p"}, kHanRiver);
    zone.scheduler.fair().hold(used_much, gpu_hours(1'000'000));
    const JobId soon = submit(kHanRiver, kNow + minutes(1));
    const JobId narrow = submit(kSaoMai, kNow);
    const JobId wide = submit(kSaoMai, kNow, 0);

    EXPECT_EQ(zone.settle(), (std::vector<JobId>{wide, soon, narrow}));
}

}  // namespace
}  // namespace khu
