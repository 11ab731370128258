#include "core/machine/floor.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/machine/admission.h"
#include "core/machine/machine.h"
#include "core/machine/standing.h"
#include "tests/core/machine/zone_builder.h"

/// \file
/// What the policy says of those who have waited long or take part in great numbers: the floor, the
/// cap of age, shares by grant, jobs of a user, users of an enterprise.

namespace khu {
namespace {

using testing::admin;
using testing::job_of;
using testing::member_of;
using testing::sao_mai;
using testing::song_han;
using testing::Zone;

constexpr Span kDay = hours(24);

/// First come, first served, but for the floor of 8 GPUs after a day.
Policy with_floor() {
    Policy policy = testing::small_policy();
    policy.fairshare.floor = {.per_enterprise_gpus = 8, .after_wait = kDay};
    policy.partitions.front().order = OrderStrategy::Fifo;
    policy.enterprises[0].grants[0].amount = gpu_hours(5000);
    return policy;
}

JobSpec lasting(int gpus, Span limit) {
    JobSpec spec = job_of(1, gpus);
    spec.time_limit = limit;
    return spec;
}

class MachineFloor : public ::testing::Test {
public:
    /// Every node is song_han's for 28 hours, and it has another job in line.
    void fill() {
        for (int i = 0; i < 4; ++i) {
            runs.push_back(start(8, hours(28), song_han));
        }
        in_line = zone.submit(lasting(8, hours(4)), song_han);
    }
    JobId start(int gpus, Span limit, const EnterpriseId& owner) {
        const JobId job = zone.submit(lasting(gpus, limit), owner);
        zone.start_running(job);
        return job;
    }
    void ends(JobId job) {
        zone.report(live_attempt(*zone.job(job))->placement.nodes[0].node, job, AgentStage::Ended);
        zone.round();
    }
    void pass(Span span) {
        zone.pass(span);
        for (const auto& [id, record] : zone.machine.state().truth.nodes) {
            zone.tell(HearNode{id, record.epoch, 1});
        }
        zone.tell(Tick{});
        zone.round();
    }
    [[nodiscard]] bool at_floor(JobId job) const { return zone.job(job)->at_floor; }
    [[nodiscard]] bool before(JobId one, JobId other) const {
        const Queue& queue = zone.machine.state().scheduler.queue();
        return queue.order_of(one) < queue.order_of(other);
    }
    [[nodiscard]] std::int64_t lifts() const { return zone.machine.state().truth.floor_lifts; }

    Zone zone{with_floor()};
    std::vector<JobId> runs;
    JobId in_line;
};

TEST_F(MachineFloor, AfterADayTheJobStandsBeforeAllOthersAndGetsWhatBecomesFree) {
    fill();
    const JobId job = zone.submit(lasting(8, hours(2)), sao_mai);
    EXPECT_TRUE(before(in_line, job));
    EXPECT_EQ(zone.machine.state().floor.due_at, zone.now + kDay);
    EXPECT_LE(zone.machine.state().next_wake(), zone.now + kDay);

    pass(kDay - seconds(1));
    EXPECT_FALSE(at_floor(job));
    pass(seconds(1));

    EXPECT_TRUE(at_floor(job));
    EXPECT_TRUE(before(job, in_line));
    EXPECT_EQ(lifts(), 1);
    ends(runs[0]);
    ASSERT_NE(live_attempt(*zone.job(job)), nullptr);
    EXPECT_FALSE(at_floor(job));
    EXPECT_EQ(live_attempt(*zone.job(in_line)), nullptr);
    EXPECT_TRUE(zone.machine.state().floor.lifted.empty());
}

TEST_F(MachineFloor, EachJobWaitsForADayOfItsOwn) {
    fill();
    const JobId first = zone.submit(lasting(4, hours(2)), sao_mai);
    pass(hours(1));
    const JobId second = zone.submit(lasting(4, hours(2)), sao_mai);

    pass(kDay - hours(1));
    EXPECT_TRUE(at_floor(first));
    EXPECT_FALSE(at_floor(second));

    pass(hours(1));
    EXPECT_TRUE(at_floor(second));
}

TEST_F(MachineFloor, ItIsForSoManyGpusTogetherAndForThoseWhoHaveNothingRunning) {
    const JobId own = start(8, hours(28), sao_mai);
    for (int i = 0; i < 3; ++i) {
        start(8, hours(30), song_han);
    }
    const JobId first = zone.submit(lasting(8, hours(30)), song_han);
    std::vector<JobId> jobs;
    for (const int gpus : {10, 4, 2, 4, 2}) {
        jobs.push_back(zone.submit(gpus > 8 ? job_of(2, 5) : lasting(gpus, hours(1)), sao_mai));
    }
    pass(kDay);
    EXPECT_EQ(lifts(), 0);

    ends(own);  // Its node goes to the first in line.
    ASSERT_NE(live_attempt(*zone.job(first)), nullptr);
    pass(seconds(1));

    std::vector<bool> lifted;
    for (const JobId job : jobs) {
        lifted.push_back(at_floor(job));
    }
    EXPECT_EQ(lifted, (std::vector{false, true, true, false, true}));  // 4 + 2 + 2
}

TEST_F(MachineFloor, WithoutALiveGrantThereIsNone) {
    fill();
    const JobId job = zone.submit(lasting(8, hours(2)), sao_mai);
    zone.tell(ChangeGrant{admin(), GrantId{"G1"}, GrantVerb::Suspend, "report is late"});
    pass(kDay);
    EXPECT_FALSE(at_floor(job));

    zone.tell(ChangeGrant{admin(), GrantId{"G1"}, GrantVerb::Resume, ""});
    pass(seconds(1));
    EXPECT_TRUE(at_floor(job));
}

TEST_F(MachineFloor, AReplayAndARestartKnowWhoIsAtTheFloor) {
    fill();
    const JobId job = zone.submit(lasting(8, hours(2)), sao_mai);
    const JobId other = zone.submit(lasting(4, hours(2)), sao_mai);
    pass(kDay);

    Machine again{ZoneId{"test"}};
    for (const Stamped& fact : zone.history) {
        again.replay(fact);
    }
    Machine loaded{ZoneId{"test"}};
    loaded.load(zone.machine.state().truth);

    for (const Machine* machine : {&again, &loaded}) {
        EXPECT_TRUE(machine->state().find_job(job)->at_floor);
        EXPECT_FALSE(machine->state().find_job(other)->at_floor);
        EXPECT_EQ(machine->state().scheduler.queue().order_of(job).tier, 2);
        EXPECT_EQ(machine->state().floor.lifted.at(sao_mai).at(job), 8);
        EXPECT_EQ(machine->state().floor.waiting.at(sao_mai).size(), 1U);
        EXPECT_EQ(machine->state().truth.floor_lifts, 1);
    }
}

TEST(MachineAge, WhatAJobWaitsBeyondTheCapMovesItNoMore) {
    Policy policy = testing::small_policy();
    policy.priority.age.cap = kDay * 2;
    policy.priority.fairshare_rank_max = 0;
    policy.partitions.front().order = OrderStrategy::Priority;
    Zone zone(policy);
    const auto pass = [&](Span span) {
        zone.pass(span);
        for (const auto& [id, record] : zone.machine.state().truth.nodes) {
            zone.tell(HearNode{id, record.epoch, 1});
        }
        zone.round();
    };
    for (int i = 0; i < 4; ++i) {
        zone.submit(lasting(8, hours(28)), song_han);
    }
    const JobId old = zone.submit(lasting(8, hours(2)), sao_mai);
    const Moment submitted = zone.job(old)->submitted_at;
    const auto over = [&] { return order_factors(zone.machine.state(), *zone.job(old)).over_age; };
    const auto stands = [&] { return zone.machine.state().scheduler.queue().order_of(old).as_if; };
    const Moment stood = stands();
    pass(kDay);
    EXPECT_EQ(over(), Span{0});

    pass(kDay * 4);  // What ran is over its limit by now; it is still there.
    const Moment today{zone.now.value / kDay.value * kDay.value};

    EXPECT_EQ(over(), today - kDay * 2 - submitted);
    EXPECT_EQ(stands(), stood + over());
    EXPECT_GT(over(), kDay * 2);
}

TEST(MachineShares, AreByGrantRateWhereThePolicySaysSo) {
    Policy policy = testing::small_policy();
    policy.fairshare.inside_programme = InsideProgramme::ByGrantRate;
    Zone zone(policy);
    zone.submit(job_of(1, 1), sao_mai);
    const auto shares = [&](const EnterpriseId& who, const char* programme) {
        const FairTree& fair = zone.machine.state().scheduler.fair();
        return fair.fairness(*fair.find(ProgrammeId{programme}, who)).shares;
    };
    // 100 GPU-hours over 40e9 ms are 9 thousandths of a GPU.
    EXPECT_EQ(shares(sao_mai, "free"), 9);
    zone.submit(job_of(1, 1), song_han);
    EXPECT_EQ(shares(song_han, "half"), 90);
    zone.tell(ExtendGrant{
        .who = admin(),
        .extension = {
            .id = GrantId{"G1"}, .add = gpu_hours(900), .to = Moment{0}, .decision_ref = "2/QD"}});
    EXPECT_EQ(shares(sao_mai, "free"), 90);
}

TEST(MachineLimits, AQosLetsAUserRunSoManyJobs) {
    Policy policy = testing::small_policy();
    policy.qos.front().max_jobs_per_user = 2;
    Zone zone(policy);
    const JobId first = zone.submit(job_of(1, 1));
    zone.submit(job_of(1, 1));
    const JobId third = zone.submit(job_of(1, 1));
    const JobId of_another = zone.submit(job_of(1, 1), song_han);

    EXPECT_NE(live_attempt(*zone.job(of_another)), nullptr);
    ASSERT_EQ(live_attempt(*zone.job(third)), nullptr);
    const auto why = zone.machine.state().scheduler.why(third, zone.now);
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code, Code::UserLimit);
    EXPECT_EQ(text(*why, Language::English),
              "user u-1 has 2 jobs running at qos thuong, which lets 2 of a user run");
    zone.run_to_end(first, minutes(1));
    EXPECT_NE(live_attempt(*zone.job(third)), nullptr);
}

TEST(MachineLimits, AllOfThemInOneRoundCountToo) {
    Policy policy = testing::small_policy();
    policy.qos.front().max_jobs_per_user = 2;
    Zone zone(policy);
    for (int i = 0; i < 5; ++i) {
        zone.tell(SubmitJob{.who = member_of(sao_mai), .spec = job_of(1, 1), .key = ""});
    }
    zone.round();

    EXPECT_EQ(zone.machine.state().truth.books.size(), 2U);
}

TEST(MachineLimits, AProgrammeIsForSoManyUsersOfAnEnterprise) {
    Policy policy = testing::small_policy();
    policy.programmes[0].limits.max_users = 2;
    policy.enterprises[0].members = {UserId{"u-1"}, UserId{"u-2"}, UserId{"u-3"}};
    Zone zone(policy);
    const auto submit = [&](const char* user) {
        Identity who = member_of(sao_mai);
        who.user = UserId{user};
        return zone.tell(SubmitJob{.who = who, .spec = job_of(1, 1), .key = ""}).refusal;
    };
    EXPECT_FALSE(submit("u-1"));
    EXPECT_FALSE(submit("u-2"));
    EXPECT_FALSE(submit("u-1"));
    const auto refusal = submit("u-3");
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->code, Code::TooManyUsers);

    policy.id = PolicyId{"test-2"};
    policy.supersedes = PolicyId{"test-1"};
    policy.effective_from = zone.now + seconds(1);
    policy.enterprises[0].members = {UserId{"u-1"}, UserId{"u-3"}};
    ASSERT_FALSE(zone.tell(ApplyPolicy{.who = admin(), .policy = policy, .text = ""}).refusal);
    zone.pass(seconds(1));
    zone.tell(Tick{});
    EXPECT_FALSE(submit("u-3"));
}

}  // namespace
}  // namespace khu
