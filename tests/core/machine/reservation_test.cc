/// Reservations of the calendar: who may start inside, who may not run into one, and its nodes.

#include <gtest/gtest.h>

#include "core/machine/advice.h"
#include "tests/core/machine/zone_builder.h"

namespace khu {
namespace {

using testing::job_of;
using testing::small_policy;
using testing::song_han;
using testing::Zone;

constexpr Moment kMorning{1'775'000'000'000};  // when a test's zone begins

/// Two of the four nodes for the programme "free", from the third hour on for two hours.
Reservation lesson() {
    return {.id = "lesson",
            .programme = ProgrammeId{"free"},
            .partition = PartitionId{"gpu"},
            .gpus = 16,
            .qos = QosId{"thuong"},
            .window = {.from = kMorning + hours(3), .to = kMorning + hours(5)}};
}

Policy with(const std::vector<Reservation>& reservations) {
    Policy policy = small_policy();
    policy.calendar.reservations = reservations;
    return policy;
}

JobSpec whole_nodes(int nodes, Span limit) {
    JobSpec spec = job_of(nodes, 8);
    spec.time_limit = limit;
    return spec;
}

JobSpec inside(int nodes, Span limit) {
    JobSpec spec = whole_nodes(nodes, limit);
    spec.where.edit().reservation = Text("lesson");
    return spec;
}

bool runs(const Zone& zone, JobId job) {
    return live_attempt(*zone.job(job)) != nullptr;
}

std::vector<NodeId> reserved(const Zone& zone, Moment from = lesson().window.from) {
    return zone.machine.state().truth.reserved.at({"lesson", from}).placed;
}

std::optional<Reason> why(const Zone& zone, JobId job) {
    return zone.machine.state().scheduler.why(job, zone.now);
}

void go_to(Zone& zone, Moment at) {
    zone.now = at;
    for (const auto& [id, node] : zone.machine.state().truth.nodes) {
        zone.tell(HearNode{.node = id, .epoch = node.epoch});
    }
    zone.tell(Tick{});
    zone.round();
}

TEST(Reservation, HasItsNodesAsSoonAsSomebodyCouldReachIntoIt) {
    Reservation far = lesson();
    far.window = {.from = kMorning + hours(80), .to = kMorning + hours(82)};
    Zone zone(with({far}));

    EXPECT_TRUE(zone.machine.state().truth.reserved.empty());
    EXPECT_LE(zone.machine.next_wake(), kMorning + hours(8));  // No job is longer than 72 h.
    go_to(zone, kMorning + hours(8));

    EXPECT_EQ(reserved(zone, far.window.from).size(), 2U);
}

TEST(Reservation, NobodyElseRunsIntoIt) {
    Zone zone(with({lesson()}));

    const JobId wide = zone.submit(whole_nodes(3, hours(4)), song_han);
    const JobId narrow = zone.submit(whole_nodes(2, hours(4)), song_han);

    EXPECT_FALSE(runs(zone, wide));
    ASSERT_TRUE(why(zone, wide));
    EXPECT_EQ(why(zone, wide)->code, Code::ReservationAhead);
    ASSERT_TRUE(runs(zone, narrow)) << "the other two nodes are free for as long as it likes";
    for (const NodeAllocation& each : live_attempt(*zone.job(narrow))->placement.nodes) {
        EXPECT_EQ(std::ranges::count(reserved(zone), each.node), 0);
    }
}

TEST(Reservation, AJobThatEndsBeforeItUsesItsNodes) {
    Zone zone(with({lesson()}));

    EXPECT_TRUE(runs(zone, zone.submit(whole_nodes(4, hours(3)), song_han)));
}

TEST(Reservation, AShorterJobOfTheSameShapeIsNotKeptByALongerOne) {
    Zone zone(with({lesson()}));
    const JobId long_one = zone.submit(whole_nodes(4, hours(4)), song_han);
    const JobId short_one = zone.submit(whole_nodes(4, hours(2)), song_han);

    EXPECT_FALSE(runs(zone, long_one));
    EXPECT_TRUE(runs(zone, short_one));
}

TEST(Reservation, WhoWaitsForItsEndStartsThenAndIsNotStarved) {
    Zone zone(with({lesson()}));
    const JobId wide = zone.submit(whole_nodes(4, hours(4)), song_han);
    const StartReservation* promise =
        zone.machine.state().scheduler.memo().promises().first_of(PartitionId{"gpu"});
    ASSERT_NE(promise, nullptr);
    EXPECT_EQ(promise->at, kMorning + hours(5));

    const JobId before_it = zone.submit(whole_nodes(1, hours(5)));
    const JobId delays_it = zone.submit(whole_nodes(1, hours(6)));
    EXPECT_TRUE(runs(zone, before_it));
    EXPECT_FALSE(runs(zone, delays_it));
    zone.run_to_end(before_it, hours(5));
    go_to(zone, kMorning + hours(5));

    EXPECT_TRUE(runs(zone, wide));
}

TEST(Reservation, ItsJobsStartInsideOnItsNodesAndNowhereElse) {
    Zone zone(with({lesson()}));
    const JobId job = zone.submit(inside(2, hours(2)));
    EXPECT_FALSE(runs(zone, job));
    EXPECT_EQ(why(zone, job)->code, Code::ReservationNotOpen);
    EXPECT_LE(zone.machine.next_wake(), kMorning + hours(3));

    go_to(zone, kMorning + hours(3));

    ASSERT_TRUE(runs(zone, job));
    std::vector<NodeId> nodes;
    for (const NodeAllocation& each : live_attempt(*zone.job(job))->placement.nodes) {
        nodes.push_back(each.node);
    }
    std::ranges::sort(nodes);
    EXPECT_EQ(nodes, reserved(zone));
    const JobId more = zone.submit(inside(1, hours(1)));
    EXPECT_EQ(why(zone, more)->code, Code::ReservationFull);
}

TEST(Reservation, InsideNobodyElseStarts) {
    Zone zone(with({lesson()}));
    go_to(zone, kMorning + hours(3));

    const JobId foreign = zone.submit(whole_nodes(3, minutes(10)), song_han);

    EXPECT_FALSE(runs(zone, foreign));
    EXPECT_EQ(why(zone, foreign)->code, Code::ReservationAhead);
}

TEST(Reservation, WhatDoesNotFitIntoTheRestWaitsForANextWindowOrIsTold) {
    Reservation weekly = lesson();
    weekly.every = days(7);
    weekly.until = weekly.window.from + days(14);
    Zone zone(with({weekly}));
    go_to(zone, kMorning + hours(4));
    const JobId late = zone.submit(inside(1, hours(2)));

    const std::optional<Reason> next = why(zone, late);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->code, Code::ReservationNotOpen);
    go_to(zone, weekly.window.from + days(7));
    EXPECT_TRUE(runs(zone, late));

    go_to(zone, weekly.window.from + days(14));
    const JobId too_late = zone.submit(inside(1, hours(1)));
    EXPECT_EQ(why(zone, too_late)->code, Code::ReservationOver);
    EXPECT_TRUE(zone.machine.state().truth.reserved.empty());
}

TEST(Reservation, RefusesWhatCouldNeverStartInside) {
    Zone zone(with({lesson()}));
    const auto refusal = [&](JobSpec spec, const EnterpriseId& owner) {
        const Outcome outcome = zone.tell(
            SubmitJob{.who = testing::member_of(owner), .spec = std::move(spec), .key = ""});
        return outcome.refusal ? std::optional(outcome.refusal->code) : std::nullopt;
    };
    JobSpec unknown = inside(1, hours(1));
    unknown.where.edit().reservation = Text("lessen");

    EXPECT_EQ(refusal(unknown, testing::sao_mai), Code::UnknownName);
    EXPECT_EQ(refusal(inside(1, hours(3)), testing::sao_mai), Code::OverLimit);
    EXPECT_EQ(refusal(inside(3, hours(1)), testing::sao_mai), Code::OverLimit);
    JobSpec of_half = inside(1, hours(1));
    of_half.programme = ProgrammeId{"half"};
    EXPECT_EQ(refusal(of_half, song_han), Code::NotOpen);
}

TEST(Reservation, ALostNodeIsReplacedAndAJobThatIsInTheWayDoesNotCount) {
    Zone zone(with({lesson()}));
    const std::vector<NodeId> before = reserved(zone);
    const JobId elsewhere = zone.submit(whole_nodes(1, hours(4)), song_han);
    const NodeId busy = live_attempt(*zone.job(elsewhere))->placement.nodes.front().node;

    zone.tell(DrainNode{testing::admin(), zone.machine.state().find_node(before[0])->name, "fan"});

    const std::vector<NodeId> after = reserved(zone);
    ASSERT_EQ(after.size(), 2U);
    EXPECT_EQ(std::ranges::count(after, before[0]), 0);
    EXPECT_EQ(std::ranges::count(after, before[1]), 1);
    EXPECT_EQ(std::ranges::count(after, busy), 0) << "a free one is taken first";
}

TEST(Reservation, TwoAtOneTimeHaveNodesOfTheirOwn) {
    Reservation second = lesson();
    second.id = "second";
    second.window.from = second.window.from + hours(1);
    Zone zone(with({lesson(), second}));

    std::vector<NodeId> nodes = reserved(zone);
    const auto& other = zone.machine.state().truth.reserved.at({"second", second.window.from});
    nodes.insert(nodes.end(), other.placed.begin(), other.placed.end());
    std::ranges::sort(nodes);

    EXPECT_EQ(std::ranges::adjacent_find(nodes), nodes.end());
    EXPECT_EQ(nodes.size(), 4U);
}

TEST(Reservation, APolicyWithoutItGivesItsNodesBack) {
    Zone zone(with({lesson()}));
    const JobId wide = zone.submit(whole_nodes(4, hours(4)), song_han);
    Policy without = small_policy();
    without.id = PolicyId{"test-2"};
    without.supersedes = PolicyId{"test-1"};
    without.effective_from = zone.now + milliseconds(1);
    ASSERT_FALSE(zone.tell(ApplyPolicy{testing::admin(), without, ""}).refusal);

    go_to(zone, zone.now + seconds(1));

    EXPECT_TRUE(zone.machine.state().truth.reserved.empty());
    EXPECT_TRUE(runs(zone, wide));
}

TEST(Reservation, AdviceNamesTheTimeThatEndsBeforeIt) {
    Zone zone(with({lesson()}));
    const JobId job = zone.submit(whole_nodes(4, hours(6)), song_han);

    const Advice advice = advise(zone.machine.borrow(), *zone.job(job), zone.now);

    ASSERT_FALSE(advice.blockers.empty());
    EXPECT_EQ(advice.blockers[0].code, Code::ReservationAhead);
    const bool shorter = std::ranges::any_of(advice.changes, [](const Change& change) {
        return change.kind == ChangeKind::ShorterTime && change.to.time_limit == hours(3);
    });
    EXPECT_TRUE(shorter);
}

TEST(Reservation, WhatNobodyUsesOfItIsReservedAndIdle) {
    Zone zone(with({lesson()}));
    const JobId job = zone.submit(inside(1, hours(1)));
    go_to(zone, kMorning + hours(3));
    zone.run_to_end(job, hours(1));
    go_to(zone, kMorning + hours(5));
    go_to(zone, kMorning + hours(6));

    const std::vector<CapacityTotal> all = zone.machine.state().truth.capacity.totals();

    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].reserved_idle, gpu_hours(2 * 8 * 2 - 8));
}

TEST(Reservation, ARestartKnowsItsNodes) {
    Zone zone(with({lesson()}));
    const JobId job = zone.submit(inside(1, hours(1)));
    Machine again{ZoneId{"test"}};
    for (const Stamped& fact : zone.history) {
        again.replay(fact);
    }
    Machine loaded{ZoneId{"test"}};
    loaded.load(Truth(zone.machine.state().truth));

    for (const Machine* machine : {&again, &loaded}) {
        EXPECT_EQ(machine->state().truth.reserved, zone.machine.state().truth.reserved);
        EXPECT_FALSE(machine->state().scheduler.bookings().empty());
        EXPECT_LE(machine->next_wake(), kMorning + hours(3));
    }
    EXPECT_FALSE(runs(zone, job));
}

}  // namespace
}  // namespace khu
