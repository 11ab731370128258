#include "core/schedule/round.h"

#include <gtest/gtest.h>

#include "tests/core/schedule/zone.h"

namespace khu {
namespace {

using namespace machines;

using Jobs = std::vector<JobId>;

TEST(Round, StartsJobsInTheOrderOfTierThenAge) {
    Zone zone(1);
    const JobId first = zone.submit(gpus(4), hours(1));
    const JobId second = zone.submit(gpus(4), hours(1));
    const JobId urgent = zone.submit(gpus(4), hours(1), 5);

    EXPECT_EQ(zone.settle(), (Jobs{urgent, first}));

    zone.end(urgent);
    EXPECT_EQ(zone.settle(), Jobs{second});
}

TEST(Round, LeavesTheClusterAsItFoundIt) {
    Zone zone(2);
    zone.submit(gpus(8), hours(1));
    const NodeState before = zone.scheduler.cluster().at(NodeId{1}).state;

    const RoundResult result = zone.scheduler.round(zone.door, zone.now);

    ASSERT_EQ(result.starts.size(), 1U);
    EXPECT_EQ(zone.scheduler.cluster().at(NodeId{1}).state, before);
}

TEST(Round, LetsShortJobsPassTheBlockedOne) {
    Zone zone(2);
    zone.submit(gpus(8), hours(2));
    ASSERT_EQ(zone.settle().size(), 1U);
    const JobId big = zone.submit(gpus(8, 2), hours(1));
    const JobId too_long = zone.submit(gpus(4), hours(3));
    const JobId fits_before = zone.submit(gpus(4), hours(2));

    EXPECT_EQ(zone.settle(), Jobs{fits_before});

    ASSERT_NE(zone.reservation(), nullptr);
    EXPECT_EQ(zone.reservation()->job, big);
    EXPECT_EQ(zone.reservation()->at, zone.now + hours(2));
    const std::optional<Reason> why = zone.why(too_long);
    ASSERT_TRUE(why.has_value());
    EXPECT_EQ(why->code, Code::BehindOthers);
    EXPECT_EQ(why->data[1], (Datum{"first", static_cast<std::int64_t>(big.value)}));
    EXPECT_EQ(zone.why(big)->code, Code::ResourcesBusy);
}

TEST(Round, LetsLongJobsUseWhatAReservationLeavesOfItsNode) {
    Zone zone(1);
    zone.submit(gpus(4), hours(2));
    ASSERT_EQ(zone.settle().size(), 1U);
    const JobId head = zone.submit(gpus(6), hours(1));
    const JobId beside_it = zone.submit(gpus(2), hours(20));
    const JobId one_too_many = zone.submit(gpus(1), hours(20));
    const JobId gone_by_then = zone.submit(gpus(2), hours(2));

    EXPECT_EQ(zone.settle(), (Jobs{beside_it, gone_by_then}));

    ASSERT_NE(zone.reservation(), nullptr);
    EXPECT_EQ(zone.reservation()->job, head);
    EXPECT_EQ(zone.reservation()->at, zone.now + hours(2));
    zone.end(gone_by_then);
    EXPECT_EQ(zone.settle(), Jobs{});
    EXPECT_EQ(zone.why(one_too_many)->code, Code::BehindOthers);
}

TEST(Round, KeepsAReservedNodeFreeOfOtherEnterprises) {
    Zone zone(1);
    zone.submit(gpus(4), hours(2));
    ASSERT_EQ(zone.settle().size(), 1U);
    zone.end(JobId{1});
    GangRequest other = gpus(2);
    other.enterprise = kHanRiver;
    zone.submit(other, hours(1));
    ASSERT_EQ(zone.settle().size(), 1U);  // the node is theirs for an hour
    const JobId head = zone.submit(gpus(2), hours(1));
    const JobId theirs = zone.submit(other, hours(20));

    EXPECT_EQ(zone.settle(), Jobs{});

    EXPECT_EQ(zone.reservation()->job, head);
    EXPECT_EQ(zone.why(theirs)->code, Code::BehindOthers);
}

TEST(Round, LetsJobsUseNodesThatAreNotReserved) {
    Zone zone(3);
    zone.submit(gpus(8), hours(2));
    zone.submit(gpus(8), hours(9));
    ASSERT_EQ(zone.settle().size(), 2U);
    zone.submit(gpus(8, 2), hours(1));  // reserves node 3 and the one that ends in 2 h
    const JobId long_one = zone.submit(gpus(4), hours(20));

    EXPECT_EQ(zone.settle(), Jobs{});
    zone.scheduler.node_joined(NodeId{4}, NodeName{"n4"}, node_class(dgx()), {}, NodeHealth::Up);
    PartitionNodes partition = *zone.scheduler.cluster().partition(kPartition);
    partition.nodes.emplace_back("n4");
    zone.scheduler.partitions_changed({partition});

    EXPECT_EQ(zone.settle().size(), 1U);  // the big one, now that two nodes are free
    EXPECT_EQ(zone.why(long_one)->code, Code::ResourcesBusy);
}

TEST(Round, SkipsWhatTheLedgerRefusesWithoutBlockingOthers) {
    Zone zone(1);
    const JobId poor = zone.submit(gpus(8), hours(1));
    const JobId rich = zone.submit(gpus(8), hours(2));
    zone.door.refused = {poor};

    EXPECT_EQ(zone.settle(), Jobs{rich});
    EXPECT_EQ(zone.why(poor)->code, Code::HoldDoesNotFit);

    zone.end(rich);
    const int asked = zone.door.asked;
    EXPECT_EQ(zone.settle(), Jobs{});
    EXPECT_EQ(zone.door.asked, asked) << "asked again though nothing changed for the enterprise";
    zone.door.refused.clear();
    zone.scheduler.admission_changed(kSaoMai);
    EXPECT_EQ(zone.settle(), Jobs{poor});
}

TEST(Round, AJobWithoutMoneyGetsNoReservation) {
    Zone zone(1);
    zone.submit(gpus(8), hours(1));
    zone.settle();
    const JobId poor = zone.submit(gpus(8), hours(1));
    const JobId next = zone.submit(gpus(8), hours(2));
    zone.door.refused = {poor};

    zone.settle();

    ASSERT_NE(zone.reservation(), nullptr);
    EXPECT_EQ(zone.reservation()->job, next);
}

TEST(Round, TheNextJobIsReservedForWhenTheFirstIsCancelled) {
    Zone zone(1);
    zone.submit(gpus(8), hours(1));
    zone.settle();
    const JobId first = zone.submit(gpus(8), hours(1));
    const JobId second = zone.submit(gpus(4), hours(1));
    zone.settle();
    ASSERT_EQ(zone.reservation()->job, first);

    zone.scheduler.job_unqueued(first);
    zone.settle();

    EXPECT_EQ(zone.reservation()->job, second);
}

TEST(Round, AShapeThatDidNotFitIsNotTriedAgainUntilItCould) {
    Zone zone(2);
    zone.submit(gpus(8, 2), hours(1));
    zone.settle();
    for (int job = 0; job < 1000; ++job) {
        zone.submit(gpus(4), hours(1));
    }
    zone.settle();

    zone.submit(gpus(4), hours(1));
    const RoundResult result = zone.scheduler.round(zone.door, zone.now);

    EXPECT_LE(result.looked_at, 2);
}

TEST(Round, WaitsForNodesThatAreDownWithoutBlockingOthers) {
    Zone zone(2);
    zone.scheduler.node_health(NodeId{2}, NodeHealth::Drained);
    const JobId big = zone.submit(gpus(8, 2), hours(1));
    const JobId small = zone.submit(gpus(8), hours(9));

    EXPECT_EQ(zone.settle(), Jobs{small});
    EXPECT_EQ(zone.why(big)->code, Code::NodesUnavailable);

    zone.end(small);
    zone.scheduler.node_health(NodeId{2}, NodeHealth::Up);
    EXPECT_EQ(zone.settle(), Jobs{big});
}

TEST(Round, WakesJobsAtTheirBeginTime) {
    Zone zone(1);
    QueuedJob job;
    job.id = JobId{7};
    job.request = gpus(1);
    job.time_limit = hours(1);
    job.not_before = zone.now + hours(1);
    zone.scheduler.job_queued(job, zone.now);
    zone.jobs[job.id] = job;

    EXPECT_EQ(zone.settle(), Jobs{});
    EXPECT_EQ(zone.why(job.id)->code, Code::NotBefore);
    EXPECT_EQ(zone.scheduler.next_wake(), zone.now + hours(1));

    zone.now = zone.now + hours(1);
    EXPECT_EQ(zone.settle(), Jobs{job.id});
}

}  // namespace
}  // namespace khu
