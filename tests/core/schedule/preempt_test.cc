#include "core/schedule/preempt.h"

#include <gtest/gtest.h>

#include "tests/core/schedule/zone.h"

namespace khu {
namespace {

using namespace machines;

using Jobs = std::vector<JobId>;

constexpr Span kGrace = minutes(5);
constexpr GivingWay kIdle{.yields = true, .after = minutes(20), .holds_place = false};

/// A zone whose idle class gives way.
class Preempt : public testing::Test {
protected:
    explicit Preempt(int nodes = 2) : zone(nodes) { use_rule(); }
    void use_rule() { zone.scheduler.preemption({.on = true, .grace = kGrace, .ranks = {}}); }

    JobId idle(int gpu_count, int node_count = 1) {
        return zone.submit(gpus(gpu_count, node_count), hours(4), 0, kIdle);
    }
    JobId paying(int gpu_count, int node_count = 1, Span limit = hours(2)) {
        return zone.submit(gpus(gpu_count, node_count), limit, 1);
    }
    void pass(Span time) { zone.now = zone.now + time; }
    [[nodiscard]] Jobs told() const {
        Jobs jobs;
        for (const auto& [job, by] : zone.leaving) {
            jobs.push_back(job);
        }
        return jobs;
    }

    Zone zone;
};

TEST_F(Preempt, TheIdleClassGivesWayAfterItsSureTimeAndTheJobStartsWhenItHasLeft) {
    const JobId first = idle(8);
    const JobId second = idle(8);
    ASSERT_EQ(zone.settle(), (Jobs{first, second}));
    pass(minutes(30));
    const JobId job = paying(8);

    EXPECT_EQ(zone.settle(), Jobs{});

    ASSERT_EQ(told(), Jobs{first});
    EXPECT_EQ(zone.leaving.at(first), zone.now + kGrace);
    const std::optional<Reason> why = zone.why(job);
    ASSERT_TRUE(why.has_value());
    EXPECT_EQ(why->code, Code::PlacePromised);
    EXPECT_EQ(why->data[0], (Datum{"attempts", std::int64_t{1}}));

    pass(minutes(2));
    zone.end(first);
    EXPECT_EQ(zone.settle(), Jobs{job});
}

TEST_F(Preempt, WhoLeavesLaterDoesNotMakeUpForWhatAnotherWouldTakeFromAPromise) {
    zone.scheduler.node_health(NodeId{2}, NodeHealth::Drained);
    const JobId three = idle(3);
    const JobId four = idle(4);
    ASSERT_EQ(zone.settle(), (Jobs{three, four}));
    pass(minutes(30));
    const JobId promised = paying(4);  // the free GPU and those three
    zone.settle();
    ASSERT_EQ(told(), Jobs{three});
    pass(minutes(2));
    const JobId cancelled = paying(4);
    zone.settle();
    ASSERT_EQ(told(), (Jobs{three, four}));
    zone.scheduler.promise_over(cancelled);
    zone.scheduler.job_unqueued(cancelled);

    const JobId one = paying(1);
    EXPECT_EQ(zone.settle(), Jobs{}) << "the free GPU is a part of what is promised";

    zone.now = zone.leaving.at(three);
    zone.end(three);
    EXPECT_EQ(zone.settle(), Jobs{promised});
    zone.now = zone.leaving.at(four);
    zone.end(four);
    EXPECT_EQ(zone.settle(), Jobs{one});
}

TEST_F(Preempt, NobodyIsToldBeforeItsSureTimeIsOver) {
    const JobId runs = idle(8);
    idle(8);
    ASSERT_EQ(zone.settle().size(), 2U);
    const Moment ripe = zone.now + kIdle.after;
    pass(minutes(10));
    paying(8);

    zone.settle();
    EXPECT_EQ(told(), Jobs{});
    ASSERT_TRUE(zone.scheduler.next_wake().has_value());
    EXPECT_EQ(*zone.scheduler.next_wake(), ripe);

    zone.now = ripe;
    zone.settle();
    EXPECT_EQ(told(), Jobs{runs});
}

TEST_F(Preempt, ThoseGoThatLoseTheLeast) {
    const JobId old = idle(8);
    ASSERT_EQ(zone.settle(), Jobs{old});
    pass(hours(1));
    const JobId young = idle(8);
    ASSERT_EQ(zone.settle(), Jobs{young});
    pass(minutes(30));
    paying(4);

    zone.settle();

    EXPECT_EQ(told(), Jobs{young});
}

TEST_F(Preempt, WhoWaitsForOthersToLeaveMovesNoReservation) {
    const JobId runs = paying(8);
    const JobId free_work = idle(8);
    ASSERT_EQ(zone.settle(), (Jobs{runs, free_work}));
    pass(minutes(30));
    const JobId wide = paying(8, 2);
    zone.settle();
    ASSERT_NE(zone.reservation(), nullptr);
    ASSERT_EQ(zone.reservation()->job, wide);
    ASSERT_EQ(zone.reservation()->at, zone.now + minutes(90));

    paying(4, 1, minutes(90));  // It would end in time, if it began now.
    zone.settle();
    EXPECT_EQ(told(), Jobs{});
    paying(4, 1, minutes(80));
    zone.settle();
    EXPECT_EQ(told(), Jobs{free_work});
}

TEST_F(Preempt, ANodeThatFreeWorkAloneFillsIsNotTheFullest) {
    const JobId five = paying(5);
    const JobId six = idle(6);
    ASSERT_EQ(zone.settle(), (Jobs{five, six}));
    const JobId one = paying(1);

    ASSERT_EQ(zone.settle(), Jobs{one});

    EXPECT_EQ(zone.scheduler.running().find(one)->nodes.front().node, NodeId{1});
}

TEST_F(Preempt, APromisedJobDoesNotSitDownWhereANodeIsAboutToBecomeWhole) {
    const JobId seven = paying(7);
    const JobId beside = idle(1);
    ASSERT_EQ(zone.settle(), (Jobs{seven, beside}));
    const JobId last = paying(1, 1, minutes(31));
    const JobId others = idle(7);
    ASSERT_EQ(zone.settle(), (Jobs{last, others}));
    pass(minutes(30));
    const JobId one = paying(1);
    zone.settle();
    ASSERT_EQ(told(), Jobs{beside}) << "it goes to the fullest node";
    pass(minutes(1));

    zone.end(last);
    EXPECT_EQ(zone.settle(), Jobs{}) << "though there is a free GPU now";
    const JobId wide = paying(8);
    zone.settle();
    EXPECT_EQ(told(), (Jobs{beside, others}));
    zone.end(others);
    EXPECT_EQ(zone.settle(), Jobs{wide});
    zone.end(beside);
    EXPECT_EQ(zone.settle(), Jobs{one});
    EXPECT_EQ(zone.running.at(one).nodes.front().node, NodeId{1});
}

TEST_F(Preempt, APromisedJobStartsSoonerOnANodeThatIsAsFull) {
    const JobId seven = paying(7);
    const JobId beside = idle(1);
    ASSERT_EQ(zone.settle(), (Jobs{seven, beside}));
    const JobId also_seven = paying(7);
    const JobId others = idle(1);
    ASSERT_EQ(zone.settle(), (Jobs{also_seven, others}));
    pass(minutes(30));
    const JobId one = paying(1);
    zone.settle();
    ASSERT_EQ(told(), Jobs{beside});

    zone.end(others);
    EXPECT_EQ(zone.settle(), Jobs{one});
    EXPECT_EQ(zone.running.at(one).nodes.front().node, NodeId{2});
}

TEST_F(Preempt, WhatIsLentIsNoFreeWork) {
    const JobId seven = paying(7);
    const JobId beside = idle(1);
    ASSERT_EQ(zone.settle(), (Jobs{seven, beside}));
    const JobId five = paying(5);
    const JobId borrower = paying(2);
    zone.borrowers.insert(borrower);
    const JobId others = idle(1);
    ASSERT_EQ(zone.settle(), (Jobs{five, borrower, others}));
    pass(minutes(30));
    const JobId one = paying(1);
    zone.settle();
    ASSERT_EQ(told(), Jobs{beside});

    zone.end(others);
    EXPECT_EQ(zone.settle(), Jobs{one}) << "the other node is as full";
}

TEST_F(Preempt, WhatIsPromisedToAnotherFillsItsNode) {
    const JobId seven = paying(7);
    const JobId beside = idle(1);
    ASSERT_EQ(zone.settle(), (Jobs{seven, beside}));
    const JobId six = paying(6);
    const JobId young = idle(1);
    ASSERT_EQ(zone.settle(), (Jobs{six, young}));
    pass(minutes(1));
    const JobId younger = idle(1);
    ASSERT_EQ(zone.settle(), Jobs{younger});
    pass(minutes(30));
    const JobId one = paying(1);
    zone.settle();
    ASSERT_EQ(told(), Jobs{beside});
    const JobId two = paying(1);
    zone.settle();
    ASSERT_EQ(told(), (Jobs{beside, younger}));

    zone.end(young);
    EXPECT_EQ(zone.settle(), Jobs{one}) << "with that job the other node is as full as its own";
    EXPECT_EQ(zone.running.at(one).nodes.front().node, NodeId{2});
    zone.end(younger);
    EXPECT_EQ(zone.settle(), Jobs{two});
}

TEST_F(Preempt, NobodyGoesForARackWhereMoreMustGoThanForAnother) {
    for (const std::uint64_t node : {1, 2}) {
        zone.scheduler.node_location(
            NodeId{node}, {.room = "hall", .rack = "r" + std::to_string(node), .leaf_switch = {}});
    }
    paying(4);
    const JobId away = idle(4);
    ASSERT_EQ(zone.settle().size(), 2U);
    paying(3);
    ASSERT_EQ(zone.settle().size(), 1U);
    zone.end(away);
    const JobId both = idle(2, 2);
    const JobId rest = idle(2);  // The first node is full, the second has three free GPUs.
    ASSERT_EQ(zone.settle(), (Jobs{both, rest}));
    pass(minutes(30));
    GangRequest in_a_rack = gpus(4);
    in_a_rack.within = "rack";
    zone.submit(in_a_rack, hours(2), 1);

    zone.settle();

    EXPECT_EQ(told(), Jobs{both}) << "the other would have gone in vain";
}

TEST_F(Preempt, TheJobGoesWhereItWouldHaveGoneIfNothingGaveWay) {
    const JobId five = paying(5);
    const JobId old = idle(3);
    ASSERT_EQ(zone.settle(), (Jobs{five, old}));
    pass(minutes(90));
    const Jobs young{idle(4), idle(4)};
    ASSERT_EQ(zone.settle(), young);
    pass(minutes(25));
    const JobId one = paying(1);

    zone.settle();

    EXPECT_EQ(told(), Jobs{old}) << "the other node stays whole for a wide job";
    zone.end(old);
    EXPECT_EQ(zone.settle(), Jobs{one});
    const JobId eight = paying(8);
    zone.settle();
    EXPECT_EQ(told(), young);
    EXPECT_EQ(zone.why(eight)->code, Code::PlacePromised);
}

TEST_F(Preempt, WhatADeclaredCheckpointSavedIsNotLost) {
    const JobId saved = idle(8);
    ASSERT_EQ(zone.settle(), Jobs{saved});
    pass(hours(1));
    const JobId younger = idle(8);
    ASSERT_EQ(zone.settle(), Jobs{younger});
    pass(minutes(30));
    zone.scheduler.job_saved(saved, zone.now - minutes(1));
    paying(4);

    zone.settle();

    EXPECT_EQ(told(), Jobs{saved});
}

TEST_F(Preempt, AGangLosesWhatAllOfItsNodesUsed) {
    Zone& large = zone;
    large.scheduler.node_joined(NodeId{3}, NodeName{"n3"}, node_class(dgx()), {}, NodeHealth::Up);
    PartitionNodes partition = *large.scheduler.cluster().partition(kPartition);
    partition.nodes.emplace_back("n3");
    large.scheduler.partitions_changed({partition});
    const JobId single = idle(8);
    ASSERT_EQ(zone.settle(), Jobs{single});
    pass(minutes(20));
    const JobId gang = idle(8, 2);
    ASSERT_EQ(zone.settle(), Jobs{gang});
    pass(minutes(30));  // 50 min x 8 against 30 min x 16
    paying(8);

    zone.settle();

    EXPECT_EQ(told(), Jobs{single});
}

TEST_F(Preempt, NobodyIsToldForAJobThatWouldNotStart) {
    const JobId other = paying(8, 1, hours(10));
    ASSERT_EQ(zone.settle(), Jobs{other});
    idle(8);
    ASSERT_EQ(zone.settle().size(), 1U);
    pass(hours(1));
    paying(8, 2);
    JobId poor = paying(8);
    zone.door.refused = {poor};

    zone.settle();

    EXPECT_EQ(told(), Jobs{});
}

TEST_F(Preempt, OneIdleJobGivesNoWayToAnother) {
    idle(8);
    idle(8);
    ASSERT_EQ(zone.settle().size(), 2U);
    pass(hours(1));
    idle(8);

    zone.settle();

    EXPECT_EQ(told(), Jobs{});
    EXPECT_EQ(zone.reservation(), nullptr) << "the idle class holds no place";
}

TEST_F(Preempt, WhatIsBeingClearedIsNobodyElses) {
    const JobId first = idle(4);
    const JobId second = idle(4);
    const JobId third = idle(8);
    ASSERT_EQ(zone.settle().size(), 3U);
    pass(minutes(30));
    const JobId wide = paying(8);
    zone.settle();
    ASSERT_EQ(told(), (Jobs{first, second}));
    const JobId urgent = zone.submit(gpus(4), hours(9), 7);  // stands before the promised one

    zone.end(first);
    EXPECT_EQ(zone.settle(), Jobs{}) << "half of the node is free, and promised";
    EXPECT_TRUE(zone.leaving.contains(third)) << "it gets a place of its own";
    zone.end(second);
    EXPECT_EQ(zone.settle(), Jobs{wide});
    zone.end(third);
    EXPECT_EQ(zone.settle(), Jobs{urgent});
}

TEST_F(Preempt, SmallJobsShareWhatOneLargeAttemptGivesBack) {
    const JobId large = idle(8);
    const JobId other = paying(8);
    ASSERT_EQ(zone.settle().size(), 2U);
    pass(minutes(30));
    Jobs small;
    for (int n = 0; n < 9; ++n) {
        small.push_back(paying(1));
    }

    zone.settle();
    EXPECT_EQ(told(), Jobs{large});
    EXPECT_EQ(zone.scheduler.clearings().all().size(), 8U);

    zone.end(large);
    EXPECT_EQ(zone.settle(), Jobs(small.begin(), small.begin() + 8));
    zone.end(other);
    EXPECT_EQ(zone.settle(), Jobs{small.back()});
}

TEST_F(Preempt, TheIdleClassUsesReservedNodesItCanLeaveInTime) {
    const JobId runs = paying(8, 1, hours(2));
    ASSERT_EQ(zone.settle(), Jobs{runs});
    const JobId head = paying(8, 2);
    zone.settle();
    ASSERT_NE(zone.reservation(), nullptr);
    const Moment at = zone.reservation()->at;
    const JobId filler = idle(8);

    EXPECT_EQ(zone.settle(), Jobs{filler}) << "for 4 h, beside a reservation in 2 h";

    ASSERT_NE(zone.reservation(), nullptr);
    EXPECT_EQ(zone.reservation()->at, at);
    pass(hours(2));
    zone.end(runs);
    zone.settle();
    EXPECT_EQ(told(), Jobs{filler});
    zone.end(filler);
    EXPECT_EQ(zone.settle(), Jobs{head});
}

TEST_F(Preempt, TheIdleClassStaysOffNodesItCouldNotLeaveInTime) {
    const JobId runs = paying(8, 1, minutes(15));
    ASSERT_EQ(zone.settle(), Jobs{runs});
    paying(8, 2);
    zone.settle();
    idle(8);

    EXPECT_EQ(zone.settle(), Jobs{}) << "it is sure of 20 min, the reservation is in 15";
}

TEST_F(Preempt, APromiseWhoseNodeIsDrainedLapses) {
    const JobId first = idle(8);
    idle(8);
    ASSERT_EQ(zone.settle().size(), 2U);
    pass(minutes(30));
    const JobId job = paying(8);
    zone.settle();
    const NodeId node = zone.scheduler.clearings().find(job)->nodes.front();
    zone.scheduler.node_health(node, NodeHealth::Drained);

    zone.settle();

    const Clearing* other = zone.scheduler.clearings().find(job);
    ASSERT_NE(other, nullptr);
    EXPECT_NE(other->nodes.front(), node);
    EXPECT_EQ(told().size(), 2U);
    zone.end(first);
}

TEST_F(Preempt, APromiseThatNobodyKeptLapsesAndIsMadeAnew) {
    const JobId stuck = idle(8);
    const JobId other = idle(8);
    ASSERT_EQ(zone.settle().size(), 2U);
    pass(minutes(30));
    const JobId job = paying(8);
    zone.settle();
    ASSERT_EQ(told(), Jobs{stuck});

    zone.now = *zone.scheduler.next_wake();
    zone.settle();

    // What does not leave is no longer counted on.
    EXPECT_EQ(told(), (Jobs{stuck, other}));
    ASSERT_NE(zone.scheduler.clearings().find(job), nullptr);
    EXPECT_EQ(zone.scheduler.clearings().find(job)->by, zone.now + kGrace);
    zone.end(other);
    EXPECT_EQ(zone.settle(), Jobs{job});
}

TEST_F(Preempt, WithoutARuleNothingGivesWay) {
    zone.scheduler.preemption({});
    idle(8);
    idle(8);
    ASSERT_EQ(zone.settle().size(), 2U);
    pass(hours(1));
    paying(8);

    zone.settle();
    EXPECT_EQ(told(), Jobs{});

    use_rule();
    zone.settle();
    EXPECT_EQ(told().size(), 1U);
}

TEST_F(Preempt, NobodyIsToldForAJobThatCanStartInAnotherWay) {
    idle(8);
    const JobId other = paying(6, 1, hours(10));
    ASSERT_EQ(zone.settle().size(), 2U);
    pass(hours(1));
    const JobId either = zone.submit_any({{gpus(8), hours(1)}, {gpus(2), hours(3)}});

    EXPECT_EQ(zone.settle(), Jobs{either});
    EXPECT_EQ(told(), Jobs{});
    EXPECT_EQ(zone.running.at(either).receipt.alternative, 2);

    zone.end(either);
    zone.submit_any({{gpus(8, 2), hours(1)}, {gpus(4), hours(3)}});
    EXPECT_EQ(zone.settle(), Jobs{});
    EXPECT_EQ(told().size(), 1U);  // The second is promised a place; the first has none to get.
    EXPECT_EQ(zone.scheduler.clearings().all().begin()->second.alternative, 1);
    EXPECT_TRUE(zone.running.contains(other));
}

}  // namespace
}  // namespace khu
