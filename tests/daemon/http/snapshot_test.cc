#include "daemon/snapshot.h"

#include <gtest/gtest.h>

#include "core/jobs/alternatives.h"
#include "tests/core/machine/zone_builder.h"

namespace khu::daemon {
namespace {

using testing::job_of;
using testing::sao_mai;
using testing::Zone;

Truth read_back(const Truth& truth) {
    SnapshotReader reader;
    for (const std::string& piece : write_snapshot(truth)) {
        EXPECT_TRUE(reader.take(piece));
    }
    return std::move(reader).finish();
}

TEST(Snapshot, HasTheJobsWithTheirAlternativesAndPromises) {
    Zone zone;
    JobSpec spec = job_of(1, 4);
    spec.any_of.edit().ways.resize(2);
    keep_way(spec, 0);
    spec.time_limit = hours(1);
    keep_way(spec, 1);
    zone.submit(job_of(4, 8), testing::song_han);
    const JobId job = zone.submit(spec, sao_mai);
    Truth truth = zone.machine.state().truth;
    truth.promises[job] = {.nodes = {NodeId{1}}, .by = zone.now + hours(1), .alternative = 1};

    const Truth again = read_back(truth);

    EXPECT_EQ(again.promises, truth.promises);
    EXPECT_EQ(again.jobs, truth.jobs);
}

TEST(Snapshot, HasWhoTookPartAndHowOftenTheFloorApplied) {
    Zone zone;
    zone.submit(job_of(1, 1), sao_mai);
    Truth truth = zone.machine.state().truth;
    truth.floor_lifts = 3;

    const Truth again = read_back(truth);

    ASSERT_EQ(again.takers.size(), 1U);
    EXPECT_EQ(again.takers, truth.takers);
    EXPECT_EQ(again.floor_lifts, 3);
}

TEST(Snapshot, HasTheMixOfEachPartition) {
    Zone zone;
    zone.submit(job_of(2, 3), sao_mai);
    const Truth& truth = zone.machine.state().truth;

    ASSERT_EQ(truth.mixes.size(), 1U);
    EXPECT_EQ(read_back(truth).mixes, truth.mixes);
}

}  // namespace
}  // namespace khu::daemon
