#include "core/plan/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/plan/measures.h"
#include "core/topology/mig.h"

namespace khu::plan {
namespace {

using testing::ElementsAre;

/// One job of a trace: when, how long, how many GPUs, and the user's limit.
struct Wanted {
    std::int64_t submit_s{0};
    std::int64_t duration_s{0};
    int gpus{0};
    std::int64_t limit_s{0};
    std::string tenant{};
};

std::vector<TraceJob> trace(const std::vector<Wanted>& wanted) {
    std::vector<TraceJob> jobs;
    for (const Wanted& each : wanted) {
        TraceJob job;
        job.id = "j" + std::to_string(jobs.size());
        job.submit = seconds(each.submit_s);
        job.duration = seconds(each.duration_s);
        job.gpus = each.gpus;
        job.limit = seconds(each.limit_s);
        job.tenant = each.tenant;
        jobs.push_back(std::move(job));
    }
    return jobs;
}

Machine machine(int nodes, int gpus) {
    Machine made;
    made.groups = {{.count = nodes,
                    .inventory = plain_node(gpus, gpus == 0 ? 2 : 8 * gpus),
                    .rack_of = 0,
                    .tenant = ""}};
    return made;
}

struct Done {
    PlannedZone zone;
    ReplayResult result;
    Measures measures;
};

Done replayed(const Machine& on, const std::vector<TraceJob>& jobs, Runtimes runtimes,
              OrderStrategy order = OrderStrategy::Fifo) {
    PlannedZone zone = plan_zone(on, jobs, {.policy = nullptr, .order = order}).value();
    ReplayResult result = replay(zone, jobs, runtimes);
    Measures measures = measure(zone, jobs, result);
    return {std::move(zone), std::move(result), std::move(measures)};
}

/// Seconds; -1 for a job that never started.
std::vector<std::int64_t> starts(const ReplayResult& result) {
    std::vector<std::int64_t> all;
    for (const Replayed& each : result.jobs) {
        all.push_back(each.start ? each.start->value / 1000 : -1);
    }
    return all;
}

TEST(Replay, JobsThatNeedTheWholeMachineRunOneAfterTheOther) {
    const std::vector<TraceJob> jobs =
        trace({{0, 100, 2, 0, ""}, {10, 50, 2, 0, ""}, {20, 30, 1, 0, ""}});

    const Done done = replayed(machine(1, 2), jobs, Runtimes::Known);

    EXPECT_THAT(starts(done.result), ElementsAre(0, 100, 150));
    // Waits 0, 90, 130; completion times 100, 140, 160; slowdowns 1, 2.8, 5.333.
    EXPECT_EQ(done.measures.wait_s,
              (Spread{.mean_milli = 73'333, .p50 = 90, .p90 = 130, .p99 = 130, .max = 130}));
    EXPECT_EQ(done.measures.jct_s,
              (Spread{.mean_milli = 133'333, .p50 = 140, .p90 = 160, .p99 = 160, .max = 160}));
    EXPECT_EQ(
        done.measures.slowdown_milli,
        (Spread{.mean_milli = 3'044, .p50 = 2'800, .p90 = 5'333, .p99 = 5'333, .max = 5'333}));
    EXPECT_EQ(done.measures.utilisation_permille, 1000);
    EXPECT_EQ(done.measures.makespan_s, 180);
}

TEST(Replay, AShortJobGoesBeforeAWideOneOnlyIfItEndsInTime) {
    const std::vector<TraceJob> jobs =
        trace({{0, 100, 1, 0, ""}, {1, 10, 2, 0, ""}, {2, 50, 1, 0, ""}, {3, 200, 1, 0, ""}});

    const Done done = replayed(machine(1, 2), jobs, Runtimes::Known);

    EXPECT_THAT(starts(done.result), ElementsAre(0, 100, 2, 110));
}

TEST(Replay, WithUsersLimitsTheSameJobIsNotKnownToEndInTime) {
    const std::vector<TraceJob> jobs = trace(
        {{0, 100, 1, 100, ""}, {1, 10, 2, 10, ""}, {2, 50, 1, 500, ""}, {3, 200, 1, 500, ""}});

    const Done done = replayed(machine(1, 2), jobs, Runtimes::Limits);

    EXPECT_THAT(starts(done.result), ElementsAre(0, 100, 110, 110));
}

TEST(Replay, AJobWiderThanTheMachineIsRejectedWithItsNumbers) {
    const std::vector<TraceJob> jobs = trace({{0, 10, 2, 0, ""}, {0, 10, 5, 0, ""}});

    const Done done = replayed(machine(2, 2), jobs, Runtimes::Known);

    EXPECT_THAT(starts(done.result), ElementsAre(0, -1));
    EXPECT_EQ(done.measures.rejected, 1);
    ASSERT_EQ(done.result.refusals.size(), 1U);
    EXPECT_EQ(done.measures.rejected_by_code.begin()->first, done.result.refusals.begin()->first);
}

TEST(Replay, WholeNodesAreTakenWhereTheMachineHasNoGpus) {
    std::vector<TraceJob> jobs = trace({{0, 60, 0, 0, ""}, {1, 60, 0, 0, ""}, {2, 60, 0, 0, ""}});
    jobs[0].nodes = 2;
    jobs[1].nodes = 2;
    jobs[2].nodes = 1;

    const Done done = replayed(machine(3, 0), jobs, Runtimes::Known);

    EXPECT_THAT(starts(done.result), ElementsAre(0, 60, 2));
    // 2 x 60 + 1 x 58 node-seconds before the last start at 60, of 3 x 60.
    EXPECT_EQ(done.measures.utilisation_permille, 988);
}

TEST(Replay, EachTenantOfASplitMachineHasItsOwnNodes) {
    Machine split = machine(1, 2);
    split.groups.push_back(split.groups.front());
    split.groups[0].tenant = "a";
    split.groups[1].tenant = "b";
    const std::vector<TraceJob> jobs =
        trace({{0, 100, 2, 0, "a"}, {1, 100, 2, 0, "a"}, {2, 100, 2, 0, "b"}});

    const Done done = replayed(split, jobs, Runtimes::Known);

    EXPECT_THAT(starts(done.result), ElementsAre(0, 100, 2));
    ASSERT_EQ(done.measures.enterprises.size(), 2U);
    EXPECT_EQ(done.measures.enterprises[0].wait_s.mean_milli, 49'500);
    EXPECT_EQ(done.measures.enterprises[1].wait_s.mean_milli, 0);
    EXPECT_EQ(done.measures.enterprises[0].gpu_seconds, 400);
}

TEST(Replay, IsTheSameTwice) {
    std::vector<Wanted> wanted;
    for (int i = 0; i < 300; ++i) {
        wanted.push_back({i * 7, 20 + i * 37 % 600, 1 + i * 5 % 8, 0, i % 3 == 0 ? "a" : "b"});
    }
    const std::vector<TraceJob> jobs = trace(wanted);

    const Done once = replayed(machine(2, 8), jobs, Runtimes::Predicted, OrderStrategy::FairTree);
    const Done again = replayed(machine(2, 8), jobs, Runtimes::Predicted, OrderStrategy::FairTree);

    EXPECT_EQ(starts(once.result), starts(again.result));
    EXPECT_GT(once.measures.wait_s.max, 0);
}

TEST(Sample, CountsWhatIsUsedAndWhoWaits) {
    const std::vector<TraceJob> jobs = trace({{0, 100, 2, 0, ""}, {0, 100, 2, 0, ""}});

    const Done done = replayed(machine(1, 4), jobs, Runtimes::Known);
    const std::vector<Sample> samples = sample(done.zone, jobs, done.result, 2);

    ASSERT_EQ(samples.size(), 2U);
    EXPECT_EQ(samples[0].used_permille, 1000);
    EXPECT_EQ(samples[1].at_s, 50);
    EXPECT_EQ(samples[1].waiting, 0);
}

TEST(Replay, MeasuresHowOftenWhatWasSaidOfStartsHeld) {
    const std::vector<TraceJob> jobs = trace({{0, 600, 2, 0, ""}, {10, 60, 2, 0, ""}});
    const PlannedZone zone =
        plan_zone(machine(1, 2), jobs, {.policy = nullptr, .order = OrderStrategy::Fifo}).value();

    const ReplayResult told = replay(zone, jobs, Runtimes::Known, {}, true);

    EXPECT_EQ(starts(told), starts(replay(zone, jobs, Runtimes::Known)));
    EXPECT_EQ(told.waits.eta_given(), 1);
    EXPECT_EQ(told.waits.eta_within, 1);
}

TEST(Replay, NodesStandInRacksOfTheSizeGiven) {
    Machine racks = machine(5, 2);
    racks.groups.front().rack_of = 2;

    const PlannedZone zone = plan_zone(racks, trace({{0, 10, 2, 0, ""}}), {}).value();

    ASSERT_EQ(zone.policy.topology.size(), 3U);
    EXPECT_EQ(zone.policy.topology[0].nodes.size(), 2U);
    EXPECT_EQ(zone.policy.topology[2].nodes, (std::vector{NodeName{"n5"}}));
    EXPECT_NE(zone.policy.topology[0].rack, zone.policy.topology[1].rack);
    EXPECT_THAT(starts(replay(zone, trace({{0, 10, 4, 0, ""}}), Runtimes::Known)), ElementsAre(0));
}

/// Of a policy whose first partition is "gpu".
Calendar calendar(std::vector<Blackout> blackouts, std::vector<Reservation> reservations) {
    for (Blackout& each : blackouts) {
        each.partitions = {PartitionId{"gpu"}};
    }
    for (Reservation& each : reservations) {
        each.partition = PartitionId{"gpu"};
    }
    return {.blackouts = std::move(blackouts), .reservations = std::move(reservations)};
}

ReplayResult under(const Calendar& calendar, const std::vector<TraceJob>& jobs,
                   Moment begins = kStart) {
    Policy policy;
    policy.partitions.emplace_back().id = PartitionId{"gpu"};
    policy.partitions.emplace_back().id = PartitionId{"other"};
    policy.calendar = calendar;
    const PlannedZone zone =
        plan_zone(machine(2, 2), jobs,
                  {.policy = &policy, .order = OrderStrategy::Fifo, .begins = begins})
            .value();
    return replay(zone, jobs, Runtimes::Known);
}

TEST(ReplayCalendar, NobodyRunsInABlackout) {
    const std::vector<TraceJob> jobs =
        trace({{0, 100, 2, 0, ""}, {10, 300, 2, 0, ""}, {20, 50, 2, 0, ""}});
    const Blackout power{.id = "power",
                         .window = {.from = kStart + seconds(200), .to = kStart + seconds(900)},
                         .partitions = {}};

    EXPECT_THAT(starts(under(calendar({power}, {}), jobs)), ElementsAre(0, 900, 20));
    EXPECT_THAT(starts(under(calendar({power}, {}), jobs, kStart + days(1))),
                ElementsAre(0, 10, 100))
        << "it lies before the trace";
}

TEST(ReplayCalendar, NodesOfAReservationAreNobodysWhileItLasts) {
    const std::vector<TraceJob> jobs =
        trace({{0, 100, 2, 0, ""}, {10, 300, 2, 0, ""}, {20, 300, 2, 0, ""}});
    const Reservation lesson{
        .id = "lesson",
        .programme = ProgrammeId{"free"},
        .gpus = 2,
        .qos = QosId{"thuong"},
        .window = {.from = kStart + seconds(200), .to = kStart + seconds(1000)}};

    const ReplayResult one = under(calendar({}, {lesson}), jobs);

    // The first node chosen for the lesson is free until 200 s; the other takes one after the
    // other.
    EXPECT_THAT(starts(one), ElementsAre(0, 10, 310));
    EXPECT_THAT(starts(under(calendar({}, {lesson}), jobs)), ElementsAre(0, 10, 310));
}

TEST(ReplayCalendar, WhatIsSaidOfStartsKnowsIt) {
    const std::vector<TraceJob> jobs = trace({{0, 100, 4, 0, ""}, {10, 300, 4, 0, ""}});
    Policy policy;
    policy.partitions.emplace_back().id = PartitionId{"gpu"};
    policy.calendar = calendar({{.id = "power",
                                 .window = {.from = kStart + seconds(200), .to = kStart + hours(9)},
                                 .partitions = {}}},
                               {});
    const PlannedZone zone =
        plan_zone(machine(2, 2), jobs, {.policy = &policy, .order = OrderStrategy::Fifo}).value();

    const ReplayResult told = replay(zone, jobs, Runtimes::Known, {}, true);

    EXPECT_THAT(starts(told), ElementsAre(0, 9 * 3600));
    EXPECT_EQ(told.waits.eta_given(), 1);
    EXPECT_EQ(told.waits.eta_within, 1);
}

/// `nodes` of two GPUs, of which the first `cut` are in three MIG slices.
Machine cut_machine(int nodes, int cut) {
    Machine made = machine(nodes, 2);
    Inventory& node = made.groups.front().inventory;
    std::vector<CutGpu> gpus;
    for (int gpu = 0; gpu < cut; ++gpu) {
        const std::string& pci = node.gpus[static_cast<std::size_t>(gpu)].pci;
        gpus.push_back({pci, presented_slices(pci, "2g.20gb,2g.20gb,2g.20gb").value()});
    }
    cut_gpus(node, gpus);
    return made;
}

TEST(ReplaySlices, OfGpusThatAreAllCutAreGpusToATrace) {
    const std::vector<Wanted> eight(8, {0, 100, 1, 0, ""});
    const Done done = replayed(cut_machine(1, 2), trace(eight), Runtimes::Known);
    EXPECT_THAT(starts(done.result), ElementsAre(0, 0, 0, 0, 0, 0, 100, 100));
}

TEST(ReplaySlices, BesideWholeGpusAreRefusedSinceATraceSaysNoModel) {
    const Expected<PlannedZone, std::string> made =
        plan_zone(cut_machine(1, 1), trace({{0, 100, 1, 0, ""}}),
                  {.policy = nullptr, .order = OrderStrategy::Fifo});
    ASSERT_FALSE(made.has_value());
    EXPECT_THAT(made.error(), testing::HasSubstr("whole GPUs beside MIG 2g.20gb"));
}

TEST(ReplayBorrowing, AnOwnerGetsBackWhatIsLentAndTheBorrowerBeginsAnew) {
    const std::vector<TraceJob> jobs = trace({{0, 20'000, 4, 0, "a"}, {100, 600, 2, 0, "b"}});
    Policy policy;
    policy.partitions.emplace_back().id = PartitionId{"gpu"};
    policy.borrowing = {
        {.partition = PartitionId{"gpu"},
         .rules = {{.programme = ProgrammeId{"a"}, .nominal_gpus = 2, .lend = 2, .borrow = 2},
                   {.programme = ProgrammeId{"b"}, .nominal_gpus = 2, .lend = 2, .borrow = 2}}}};
    policy.preemption.order = {kBorrowed};
    policy.preemption.grace = minutes(5);
    policy.preemption.min_runtime_borrowed = hours(1);
    const auto replay_under = [&](const Policy& given) {
        const PlannedZone zone =
            plan_zone(machine(2, 2), jobs, {.policy = &given, .order = OrderStrategy::Fifo})
                .value();
        return replay(zone, jobs, Runtimes::Known);
    };

    const ReplayResult with = replay_under(policy);

    EXPECT_THAT(starts(with), ElementsAre(0, 3600 + 300));
    EXPECT_EQ(with.reclaimed, 1);
    EXPECT_EQ(with.jobs[0].end, seconds(3600 + 300 + 600 + 20'000));
    policy.preemption.order.clear();
    EXPECT_THAT(starts(replay_under(policy)), ElementsAre(0, 20'000));
    policy.borrowing.front().rules.front().borrow = 0;
    EXPECT_THAT(starts(replay_under(policy)), ElementsAre(-1, 100)) << "its own two do not do";
}

Done with_idle(const std::vector<TraceJob>& jobs, Span run) {
    PlannedZone zone = plan_zone(machine(1, 2), jobs,
                                 {.policy = nullptr, .order = OrderStrategy::Fifo, .idle_run = run})
                           .value();
    ReplayResult result = replay(zone, jobs, Runtimes::Known);
    Measures measures = measure(zone, jobs, result);
    return {std::move(zone), std::move(result), std::move(measures)};
}

TEST(IdleLoad, FillsWhatIsFreeAndDelaysAJobByNoMoreThanTheGrace) {
    const std::vector<TraceJob> jobs = trace({{0, 3600, 1, 0, ""}, {1800, 60, 2, 0, ""}});
    ASSERT_THAT(starts(replayed(machine(1, 2), jobs, Runtimes::Known).result),
                ElementsAre(0, 3600));

    const Done done = with_idle(jobs, hours(2));

    EXPECT_THAT(starts(done.result), ElementsAre(0, 3900));
    ASSERT_TRUE(done.measures.idle.has_value());
    const IdleMeasures& idle = *done.measures.idle;
    EXPECT_EQ(idle.made_way, 1);
    EXPECT_EQ(idle.longest_way_s, 300);
    EXPECT_EQ(idle.told, 1);
    EXPECT_EQ(idle.lost_gpu_seconds, 3900);
    // 3,600 s of the first job, and with the idle one's 3,900 s, of 2 x 3,900 s.
    EXPECT_EQ(done.measures.utilisation_permille, 461);
    EXPECT_EQ(idle.utilisation_permille, 961);
}

TEST(IdleLoad, IsNotToldBeforeItsSureTimeIsOver) {
    const std::vector<TraceJob> jobs = trace({{0, 60, 1, 0, ""}, {600, 60, 2, 0, ""}});

    const Done done = with_idle(jobs, hours(2));

    // Idle jobs began at 0 and at 60 s: sure until 1,260 s, and then they have 300 s.
    EXPECT_THAT(starts(done.result), ElementsAre(0, 1560));
}

TEST(IdleLoad, RunsOnWithoutJobsOnlyWhileTheTraceDoes) {
    const std::vector<TraceJob> jobs = trace({{0, 60, 2, 0, ""}, {100'000, 60, 2, 0, ""}});

    const Done done = with_idle(jobs, hours(2));

    EXPECT_EQ(done.measures.jobs, 2);
    EXPECT_GT(done.measures.idle->completed, 20);
    EXPECT_EQ(done.measures.idle->told, 2);
    EXPECT_LE(done.measures.wait_s.max, 300);
}

}  // namespace
}  // namespace khu::plan
