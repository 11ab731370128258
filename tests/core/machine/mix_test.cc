/// What jobs ask of a node is counted as they start, and decides between nodes on which they fit
/// equally well.

#include <gtest/gtest.h>

#include "tests/core/machine/zone_builder.h"

namespace khu {
namespace {

using testing::job_of;
using testing::rich_policy;
using testing::Zone;

class MachineMix : public ::testing::Test {
protected:
    [[nodiscard]] const State& state() const { return zone.machine.state(); }
    [[nodiscard]] const PartitionId& partition() const {
        return state().truth.policy->partitions.front().id;
    }
    [[nodiscard]] std::int64_t starts(int gpus) const {
        const auto mix = state().truth.mixes.find(partition());
        return mix == state().truth.mixes.end()
                   ? 0
                   : mix->second.starts()[static_cast<std::size_t>(gpus)];
    }
    [[nodiscard]] NodeId node_of(JobId job) const {
        return live_attempt(*zone.job(job))->placement.nodes.front().node;
    }

    Zone zone{rich_policy(), 2};
};

TEST_F(MachineMix, CountsEachNodeOfAStartAndNoJobThatWaits) {
    zone.submit(job_of(1, 2));
    zone.submit(job_of(2, 6));
    zone.submit(job_of(1, 7));

    EXPECT_EQ(starts(2), 1);
    EXPECT_EQ(starts(6), 2);
    EXPECT_EQ(starts(7), 0);
}

TEST_F(MachineMix, KeepsTheRoomOfAJobToCome) {
    const JobId four = zone.submit(job_of(1, 4));
    const JobId eight = zone.submit(job_of(1, 8));
    zone.run_to_end(eight, minutes(10));
    const JobId beside = zone.submit(job_of(1, 4));
    ASSERT_EQ(node_of(beside), node_of(four));
    const JobId three = zone.submit(job_of(1, 3));
    zone.run_to_end(beside, minutes(10));  // One node has four GPUs free, the other five.

    const JobId one = zone.submit(job_of(1, 1));

    EXPECT_EQ(node_of(one), node_of(three));
    EXPECT_EQ(live_attempt(*zone.job(one))->placement.receipt.rules.back(), "room_for_others");
}

TEST_F(MachineMix, SurvivesARestart) {
    zone.submit(job_of(2, 3));
    Machine again{ZoneId{"test"}};
    Truth truth = state().truth;
    again.load(std::move(truth));

    EXPECT_EQ(again.state().truth.mixes, state().truth.mixes);
    EXPECT_EQ(again.state().scheduler.cluster().mix(partition()),
              state().scheduler.cluster().mix(partition()));
    EXPECT_FALSE(again.state().scheduler.cluster().mix(partition()).empty());
}

}  // namespace
}  // namespace khu
