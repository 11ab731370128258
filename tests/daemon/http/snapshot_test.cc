#include "daemon/snapshot.h"

#include <gtest/gtest.h>

#include "core/jobs/alternatives.h"
#include "daemon/policy_lines.h"
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

TEST(Snapshot, HasTheTextOfThePolicyFromWhichItsLinesAreMadeAgain) {
    Zone zone;
    Truth truth = zone.machine.state().truth;
    truth.policy_text = "khu_policy: 1\nqos:\n  gap: {factor: \"150%\", tier: 30}\n";
    truth.scheduled = ScheduledPolicy{.policy = *truth.policy, .text = truth.policy_text};

    Truth again = read_back(truth);
    EXPECT_TRUE(again.policy_lines.empty());
    find_lines(again);

    EXPECT_EQ(line_of(again.policy_lines, "qos.gap.tier"), 3);
    EXPECT_EQ(line_of(again.policy_lines, "qos"), 2);
    EXPECT_EQ(again.scheduled->lines, again.policy_lines);
    Fact applied = PolicyApplied{.policy = *truth.policy, .text = truth.policy_text, .by = {}};
    find_lines(applied);
    EXPECT_EQ(std::get<PolicyApplied>(applied).lines, again.policy_lines);
}

TEST(Snapshot, HasTheRulesAboveTheZoneAndWhatTheyHold) {
    Zone zone;
    LayerRules rules;
    rules.id = PolicyId{"dn-1"};
    rules.bounds = {{.key = {"programmes", "*", "limits", "max_gpus_per_job"},
                     .kind = BoundKind::AtMost,
                     .number = 4,
                     .words = {},
                     .written = "4",
                     .line = 9}};
    zone.tell(ApplyLayer{.who = testing::admin(), .rules = rules, .text = "l"});
    const Truth& truth = zone.machine.state().truth;
    ASSERT_TRUE(truth.layers.written);

    EXPECT_EQ(read_back(truth).layers, truth.layers);
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
