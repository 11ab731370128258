#include "core/jobs/alternatives.h"

#include <gtest/gtest.h>

#include "core/jobs/array.h"
#include "core/machine/admission.h"
#include "core/machine/machine.h"
#include "tests/core/machine/zone_books.h"

/// \file
/// A job that may run in several ways: which one it gets, what that costs, and what becomes of it
/// when it is queued again.

namespace khu {
namespace {

using testing::job_of;
using testing::member_of;
using testing::sao_mai;
using testing::song_han;
using testing::Zone;

const PartitionId kBig{"gpu"};
const PartitionId kSmall{"l4"};

/// Two nodes of eight H100 and two of eight L4, which weigh less than a quarter.
Policy two_partitions() {
    Policy policy = testing::small_policy();
    policy.weights.push_back({GpuModel{"l4"}, 220});
    Partition small = policy.partitions.front();
    small.id = kSmall;
    small.gpu = GpuModel{"l4"};
    small.nodes = {NodeName{"n3"}, NodeName{"n4"}};
    policy.partitions.front().nodes.resize(2);
    policy.partitions.push_back(small);
    for (Programme& programme : policy.programmes) {
        programme.partitions.push_back(kSmall);
    }
    return policy;
}

class MachineAlternatives : public ::testing::Test {
public:
    MachineAlternatives() {
        zone.join(3, "l4");
        zone.join(4, "l4");
    }

    /// 4 H100 for an hour, else 2 x 8 L4 for three.
    static JobSpec either() {
        JobSpec spec = job_of(1, 4);
        Alternative big{.partition = kBig, .nodes = 1, .shape = spec.shape, .time_limit = hours(1)};
        Alternative small = big;
        small.partition = kSmall;
        small.nodes = 2;
        small.shape.gpus = 8;
        small.time_limit = hours(3);
        spec.any_of.edit().ways = {big, small};
        return spec;
    }
    [[nodiscard]] const Attempt& attempt(JobId job) const { return *live_attempt(*zone.job(job)); }
    [[nodiscard]] int taken(JobId job) const { return attempt(job).placement.receipt.alternative; }
    [[nodiscard]] std::int64_t gpus_running(const EnterpriseId& who) const {
        const auto use = zone.machine.state().usage.find({who, ProgrammeId{"half"}});
        return use == zone.machine.state().usage.end() ? 0 : use->second.running_gpus;
    }
    void fill_the_big_ones() {
        for (int i = 0; i < 2; ++i) {
            JobSpec full = job_of(1, 8);
            full.partition = kBig;
            blockers.push_back(zone.submit(full, song_han));
        }
    }

    Zone zone{two_partitions(), 2};
    std::vector<JobId> blockers;
};

TEST_F(MachineAlternatives, TheFirstIsTakenWhereItFits) {
    const JobId job = zone.submit(either(), song_han);

    EXPECT_EQ(taken(job), 1);
    EXPECT_EQ(zone.job(job)->spec.partition, kBig);
    EXPECT_EQ(attempt(job).deadline, zone.now + hours(1));
    EXPECT_EQ(zone.machine.state().truth.ledger.held({job, AttemptNumber{1}}), gpu_hours(4));
}

TEST_F(MachineAlternatives, TheNextIsTakenWhereTheFirstDoesNotFitWithItsOwnHoldLimitsAndCharge) {
    fill_the_big_ones();
    const std::int64_t before = gpus_running(song_han);

    const JobId job = zone.submit(either(), song_han);

    ASSERT_EQ(taken(job), 2);
    const JobSpec& spec = zone.job(job)->spec;
    EXPECT_EQ(spec.partition, kSmall);
    EXPECT_EQ(spec.shape.gpu_model, GpuModel{"l4"});
    EXPECT_EQ(attempt(job).placement.nodes.size(), 2U);
    EXPECT_EQ(attempt(job).deadline, zone.now + hours(3));
    const Atoms hold = zone.machine.state().truth.ledger.held({job, AttemptNumber{1}});
    EXPECT_EQ(hold, Atoms{gpu_hours(1).value * 16 * 3 * 220 / 1000});
    EXPECT_EQ(gpus_running(song_han), before + 16);
    zone.run_to_end(job, hours(1));
    EXPECT_EQ(gpus_running(song_han), before);
    ASSERT_EQ(testing::rows_of(zone, job).size(), 1U);
    EXPECT_EQ(testing::rows_of(zone, job)[0].partition, kSmall);
    EXPECT_EQ(testing::rows_of(zone, job)[0].charged_ugs,
              Atoms{gpu_hours(1).value * 16 * 220 / 1000});
}

TEST_F(MachineAlternatives, ALimitKeepsOneAndNotTheOther) {
    Policy policy = two_partitions();
    policy.programmes[1].limits.max_gpus_running = 20;
    Zone limited(policy, 2);
    limited.join(3, "l4");
    limited.join(4, "l4");
    JobSpec first = job_of(1, 8);
    first.partition = kSmall;
    limited.submit(first, song_han);
    JobSpec wide_first = either();
    std::swap(wide_first.any_of.edit().ways[0], wide_first.any_of.edit().ways[1]);

    const JobId job = limited.submit(wide_first, song_han);  // 16 more would be 24.

    EXPECT_EQ(live_attempt(*limited.job(job))->placement.receipt.alternative, 2);
    EXPECT_EQ(limited.job(job)->spec.partition, kBig);
}

TEST_F(MachineAlternatives, AJobThatIsQueuedAgainChoosesAgain) {
    fill_the_big_ones();
    const JobId job = zone.submit(either(), song_han);
    ASSERT_EQ(taken(job), 2);
    zone.start_running(job);
    zone.tell(RequeueJob{member_of(song_han), job});
    const Placement placement = attempt(job).placement;
    zone.run_to_end(blockers[0], minutes(1));
    for (const NodeAllocation& each : placement.nodes) {
        zone.report(each.node, job, AgentStage::Ended);
    }
    ASSERT_EQ(phase_name(zone.job(job)->phase), "queued");
    EXPECT_EQ(zone.job(job)->spec.partition, kBig);
    EXPECT_EQ(zone.job(job)->spec.shape.gpus, 4);
    zone.round();

    EXPECT_EQ(taken(job), 1);
    EXPECT_EQ(attempt(job).number, AttemptNumber{2});
}

TEST_F(MachineAlternatives, EachElementOfAnArrayChoosesForItself) {
    JobSpec spec = either();
    spec.any_of.edit().ways[0].shape.gpus = 8;
    spec.any_of.edit().ways[1].nodes = 1;
    spec.array = ArrayRules{.indices = {{.first = 1, .last = 4}}};

    const JobId array = zone.submit(spec, song_han);

    std::vector<int> ways;
    for (int index = 1; index <= 4; ++index) {
        ways.push_back(taken(element_id(array, index)));
    }
    EXPECT_EQ(ways, (std::vector{1, 1, 2, 2}));
}

TEST_F(MachineAlternatives, OneThatCouldNeverRunIsRefusedByItsNumber) {
    JobSpec spec = either();
    spec.any_of.edit().ways[1].nodes = 3;

    const Outcome made = zone.tell(SubmitJob{.who = member_of(song_han), .spec = spec, .key = ""});

    ASSERT_TRUE(made.refusal);
    EXPECT_EQ(made.refusal->code, Code::TooFewNodes);
    EXPECT_EQ(text(*made.refusal, Language::English).substr(0, 15), "alternative 2: ");
    EXPECT_EQ(text(*made.refusal, Language::Vietnamese).substr(0, 16), "phương án 2: ");
}

TEST_F(MachineAlternatives, MoreThanEightAreRefusedAndOneIsAJobLikeAnyOther) {
    JobSpec spec = either();
    spec.any_of.edit().ways.resize(1);
    const JobId job = zone.submit(spec, song_han);
    EXPECT_FALSE(zone.job(job)->spec.any_of.filled());
    EXPECT_EQ(zone.job(job)->spec.time_limit, hours(1));
    EXPECT_EQ(taken(job), 0);

    spec.any_of.edit().ways.resize(9, spec.any_of->ways.front());
    const Outcome many = zone.tell(SubmitJob{.who = member_of(song_han), .spec = spec, .key = ""});
    ASSERT_TRUE(many.refusal);
    EXPECT_EQ(many.refusal->code, Code::AbsurdRequest);
}

TEST_F(MachineAlternatives, AChangeOfTheTimeLimitIsOfAllThatWait) {
    fill_the_big_ones();
    JobSpec full = job_of(2, 8);
    full.partition = kSmall;
    zone.submit(full, sao_mai);
    const JobId job = zone.submit(either(), song_han);
    ASSERT_EQ(phase_name(zone.job(job)->phase), "queued");

    zone.tell(UpdateJob{member_of(song_han), job, {.time_limit = minutes(30)}});
    zone.round();

    EXPECT_EQ(zone.job(job)->spec.time_limit, minutes(30));
    for (const Alternative& way : zone.job(job)->spec.any_of->ways) {
        EXPECT_EQ(way.time_limit, minutes(30));
    }
    const auto why = zone.machine.state().scheduler.why(job, zone.now);
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code, Code::ResourcesBusy);
    EXPECT_EQ(why->data.back().key, "alternative");
}

TEST_F(MachineAlternatives, ReplayGivesTheSameState) {
    fill_the_big_ones();
    const JobId job = zone.submit(either(), song_han);
    const JobId waits = zone.submit(either(), song_han);
    zone.start_running(job);

    Machine again{ZoneId{"test"}};
    for (const Stamped& fact : zone.history) {
        again.replay(fact);
    }

    EXPECT_EQ(again.state().find_job(job)->spec, zone.job(job)->spec);
    EXPECT_EQ(again.state().find_job(waits)->spec, zone.job(waits)->spec);
    EXPECT_EQ(again.state().find_job(waits)->predicted, zone.job(waits)->predicted);
}

}  // namespace
}  // namespace khu
