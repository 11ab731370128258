/// A declared checkpoint: known once, kept over attempts, and what came before it is never waived.

#include <gtest/gtest.h>

#include "tests/core/machine/zone_builder.h"

namespace khu {
namespace {

using testing::job_of;
using testing::Zone;

constexpr const char* path = "/home/an/step-4000.pt";

/// A job of two nodes that has run for ten hours.
class Checkpoints : public ::testing::Test {
protected:
    Checkpoints() {
        JobSpec spec = job_of(2, 1);  // 40 GPU-hours
        spec.time_limit = hours(20);
        spec.requeue = true;
        job = zone.submit(spec);
        nodes = live_attempt(*zone.job(job))->placement.nodes;
        zone.start_running(job);
        zone.pass(hours(10));
    }

    AttemptReport running(std::uint64_t stamp, Span age, const std::string& where = path) const {
        return {.job = job,
                .attempt = AttemptNumber{1},
                .stage = AgentStage::Running,
                .checkpoint = CheckpointReport{.stamp = stamp, .age = age, .path = where}};
    }
    void say(NodeId node, const AttemptReport& report) {
        zone.tell(ReportFromNode{node, zone.machine.state().truth.nodes.at(node).epoch, report});
    }
    const Checkpoint& known() const { return *zone.job(job)->checkpoint; }

    /// The node of rank 1 loses the attempt now; what is then on record of the waived time.
    std::int64_t waived_hours() {
        AttemptResult lost;
        lost.end = NodeEnd::Lost;
        zone.report(nodes[1].node, job, AgentStage::Ended, lost);
        zone.report(nodes[0].node, job, AgentStage::Ended, lost);
        zone.round();
        for (const Effect& effect : zone.effects) {
            if (const auto* usage = std::get_if<PostUsage>(&effect)) {
                return usage->row.waived_ugs.value / (usage->row.metered_ugs.value / 10);
            }
        }
        return -1;
    }

    Zone zone;
    JobId job;
    std::vector<NodeAllocation> nodes;
};

TEST_F(Checkpoints, WaivesSixHoursOfALostAttemptThatDeclaredNone) {
    EXPECT_EQ(waived_hours(), 6);
}

TEST_F(Checkpoints, WaivesOnlyWhatCameAfterTheLastOne) {
    say(nodes[0].node, running(1, hours(7)));
    say(nodes[0].node, running(2, hours(2)));

    EXPECT_EQ(known().at, zone.now - hours(2));
    EXPECT_EQ(waived_hours(), 2);
}

TEST_F(Checkpoints, ARepeatedOneIsKnownOnce) {
    say(nodes[0].node, running(7, hours(2)));
    const std::size_t facts = zone.history.size();

    say(nodes[0].node, running(7, hours(1)));
    say(nodes[0].node, running(6, hours(0)));

    EXPECT_EQ(zone.history.size(), facts);
    EXPECT_EQ(known().at, zone.now - hours(2));
}

TEST_F(Checkpoints, OnlyTheFirstNodeSpeaksForTheGang) {
    say(nodes[1].node, running(1, hours(1)));

    EXPECT_EQ(known().path, "");
}

TEST_F(Checkpoints, ADateBeforeTheAttemptCountsFromItsStart) {
    say(nodes[0].node, running(1, days(30)));

    EXPECT_EQ(known().at, live_attempt(*zone.job(job))->taken_at);
    EXPECT_EQ(waived_hours(), 6);
}

TEST_F(Checkpoints, NonsenseIsNotTaken) {
    say(nodes[0].node, running(1, hours(1), ""));
    say(nodes[0].node, running(2, hours(1), std::string(5000, 'x')));

    EXPECT_EQ(known().path, "");
}

TEST_F(Checkpoints, TheNextAttemptIsToldOfItAndIsNotSavedByIt) {
    say(nodes[0].node, running(1, hours(2)));
    AttemptResult lost;
    lost.end = NodeEnd::Lost;
    zone.report(nodes[1].node, job, AgentStage::Ended, lost);
    zone.report(nodes[0].node, job, AgentStage::Ended, lost);
    zone.pass(seconds(5));
    for (const auto& [id, node] : zone.machine.state().truth.nodes) {
        zone.tell(HearNode{id, node.epoch, 1});
    }
    zone.effects.clear();
    zone.tell(Tick{});
    zone.round();

    std::string told;
    for (const Effect& effect : zone.effects) {
        if (const auto* send = std::get_if<SendToAgent>(&effect)) {
            if (const auto* start = std::get_if<StartAttempt>(&send->message)) {
                told = start->checkpoint;
            }
        }
    }
    EXPECT_EQ(told, path);
    EXPECT_EQ(saved_at(*zone.job(job)), std::nullopt);
}

}  // namespace
}  // namespace khu
