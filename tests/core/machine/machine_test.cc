#include "core/machine/machine.h"

#include <gtest/gtest.h>

#include "core/base/limits.h"
#include "tests/core/machine/zone_builder.h"

namespace khu {
namespace {

using testing::admin;
using testing::eight_gpus;
using testing::job_of;
using testing::member_of;
using testing::sao_mai;
using testing::song_han;
using testing::Zone;

Outcome try_submit(Zone& zone, const JobSpec& spec, const EnterpriseId& owner = sao_mai) {
    return zone.tell(SubmitJob{.who = member_of(owner), .spec = spec, .key = ""});
}

Code refusal_of(const Outcome& outcome) {
    KHU_CHECK(outcome.refusal.has_value());
    return outcome.refusal->code;
}

template <class T>
int count_sent(const Effects& effects) {
    int n = 0;
    for (const Effect& effect : effects) {
        const auto* send = std::get_if<SendToAgent>(&effect);
        n += send != nullptr && std::holds_alternative<T>(send->message) ? 1 : 0;
    }
    return n;
}

TEST(MachinePlacement, HoldsTheWholeTimeLimitBeforeTheJobStarts) {
    Zone zone;

    const JobId job = zone.submit(job_of(1, 8));

    EXPECT_EQ(phase_name(zone.job(job)->phase), "starting");
    EXPECT_EQ(zone.grant("G1").held, gpu_hours(16));
    EXPECT_EQ(zone.grant("G1").free, gpu_hours(84));
}

TEST(MachinePlacement, StartsAGangOnlyWhenEveryNodeIsPrepared) {
    Zone zone;
    const JobId job = zone.submit(job_of(2, 8));
    const auto nodes = live_attempt(*zone.job(job))->placement.nodes;
    ASSERT_EQ(nodes.size(), 2U);

    zone.report(nodes[0].node, job, AgentStage::Prepared);
    EXPECT_EQ(count_sent<RunAttempt>(zone.effects), 0);
    zone.report(nodes[1].node, job, AgentStage::Prepared);

    EXPECT_EQ(count_sent<RunAttempt>(zone.effects), 2);
}

TEST(MachineEnding, ChargesWhatRanAndGivesTheRestBack) {
    Zone zone;
    const JobId job = zone.submit(job_of(1, 8));

    zone.run_to_end(job, hours(1));

    EXPECT_EQ(zone.job(job), nullptr);
    EXPECT_EQ(zone.grant("G1").spent, gpu_hours(8));
    EXPECT_EQ(zone.grant("G1").held, Atoms{0});
    EXPECT_EQ(zone.grant("G1").free, gpu_hours(92));
}

TEST(MachineEnding, WaivesAnInfrastructureFailureAndQueuesTheJobAgain) {
    Zone zone;
    const JobId job = zone.submit(job_of(1, 8));
    zone.start_running(job);
    const NodeId node = live_attempt(*zone.job(job))->placement.nodes[0].node;

    zone.pass(limits::lease + limits::lease_skew);
    for (const auto& [id, record] : zone.machine.state().truth.nodes) {
        if (id != node) {
            zone.tell(HearNode{id, record.epoch, 1});
        }
    }
    zone.tell(Tick{});
    EXPECT_EQ(phase_name(zone.job(job)->phase), "queued");
    EXPECT_EQ(zone.grant("G1").spent, Atoms{0});

    zone.pass(seconds(2));
    zone.round();
    EXPECT_EQ(phase_name(zone.job(job)->phase), "starting");
    EXPECT_NE(live_attempt(*zone.job(job))->placement.nodes[0].node, node);
    EXPECT_EQ(zone.job(job)->attempts, AttemptNumber{2});
}

TEST(MachineEnding, EndsAtItsTimeLimitWithTheHoldNeverExceeded) {
    Zone zone;
    const JobId job = zone.submit(job_of(1, 8));
    zone.start_running(job);

    zone.pass(hours(2) + seconds(3));
    for (const auto& [id, record] : zone.machine.state().truth.nodes) {
        zone.tell(HearNode{id, record.epoch, 1});
    }
    zone.tell(Tick{});
    EXPECT_EQ(phase_name(zone.job(job)->phase), "ending");
    zone.pass(seconds(10));
    AttemptResult killed;
    killed.signal = 9;
    zone.report(live_attempt(*zone.job(job))->placement.nodes[0].node, job, AgentStage::Ended,
                killed);

    EXPECT_EQ(zone.job(job), nullptr);
    EXPECT_EQ(zone.grant("G1").spent, gpu_hours(16));
    EXPECT_EQ(zone.grant("G1").held, Atoms{0});
}

TEST(MachineEnding, StopsTheWholeGangWhenOneNodeFails) {
    Zone zone;
    const JobId job = zone.submit(job_of(2, 8));
    zone.start_running(job);
    const auto nodes = live_attempt(*zone.job(job))->placement.nodes;
    AttemptResult crashed;
    crashed.exit_code = 3;

    zone.report(nodes[0].node, job, AgentStage::Ended, crashed);

    EXPECT_EQ(phase_name(zone.job(job)->phase), "ending");
    EXPECT_GE(count_sent<StopAttempt>(zone.effects), 1);
    zone.report(nodes[1].node, job, AgentStage::Ended, AttemptResult{});
    EXPECT_EQ(zone.job(job), nullptr);
}

TEST(MachineEnding, VoidsAStartWhereNothingEverRan) {
    Zone zone;
    const JobId job = zone.submit(job_of(1, 8));
    AttemptResult missing;
    missing.rank_ran = false;
    missing.fault_code = "T700";
    missing.fault_text = "no such command";
    zone.pass(seconds(5));

    zone.report(live_attempt(*zone.job(job))->placement.nodes[0].node, job, AgentStage::Ended,
                missing);

    EXPECT_EQ(zone.job(job), nullptr);
    EXPECT_EQ(zone.grant("G1").spent, Atoms{0});
    EXPECT_EQ(zone.grant("G1").free, gpu_hours(100));
}

TEST(MachineAdmission, RefusesWhatCouldNeverRun) {
    Zone zone;

    EXPECT_EQ(refusal_of(try_submit(zone, job_of(0, 8))), Code::AbsurdRequest);
    EXPECT_EQ(refusal_of(try_submit(zone, job_of(1, 0))), Code::AbsurdRequest);
    EXPECT_EQ(refusal_of(try_submit(zone, job_of(1, -1))), Code::AbsurdRequest);
    EXPECT_EQ(refusal_of(try_submit(zone, job_of(1'000'000'000, 8))), Code::AbsurdRequest);
    EXPECT_EQ(refusal_of(try_submit(zone, job_of(1, 9))), Code::ImpossibleShape);
    EXPECT_EQ(refusal_of(try_submit(zone, job_of(5, 8))), Code::TooFewNodes);
    JobSpec memory = job_of(1, 1);
    memory.shape.memory = gibibytes(60'000);
    EXPECT_EQ(refusal_of(try_submit(zone, memory)), Code::ImpossibleShape);
    JobSpec partition = job_of(1, 1);
    partition.partition = PartitionId{"gpuu"};
    EXPECT_EQ(refusal_of(try_submit(zone, partition)), Code::UnknownName);
    JobSpec time = job_of(1, 1);
    time.time_limit = hours(73);
    EXPECT_EQ(refusal_of(try_submit(zone, time)), Code::OverLimit);
    JobSpec large = job_of(4, 8);
    large.time_limit = hours(8);
    EXPECT_EQ(refusal_of(try_submit(zone, large)), Code::GrantTooSmall);
}

TEST(MachineAdmission, RefusesAStrangerAndAnEnterpriseWithoutAGrant) {
    Zone zone;
    Identity stranger = member_of(sao_mai);
    stranger.user = UserId{"u-9"};

    EXPECT_EQ(refusal_of(zone.tell(SubmitJob{.who = stranger, .spec = job_of(1, 1), .key = ""})),
              Code::UnknownEnterprise);
    JobSpec other = job_of(1, 1);
    other.programme = ProgrammeId{"half"};
    EXPECT_EQ(refusal_of(try_submit(zone, other)), Code::NoGrant);
}

TEST(MachineAdmission, MakesOneJobOfOneKey) {
    Zone zone;
    const SubmitJob submit{
        .who = member_of(sao_mai), .spec = job_of(1, 1), .key = "k", .request_digest = 7};

    const Outcome first = zone.tell(submit);
    const Outcome again = zone.tell(submit);
    SubmitJob other = submit;
    other.request_digest = 8;

    EXPECT_FALSE(first.existed);
    EXPECT_TRUE(again.existed);
    EXPECT_EQ(first.job, again.job);
    EXPECT_EQ(refusal_of(zone.tell(other)), Code::KeyReused);
}

TEST(MachinePrivacy, AnotherEnterprisesJobIsUnknown) {
    Zone zone;
    const JobId job = zone.submit(job_of(1, 1));

    EXPECT_EQ(refusal_of(zone.tell(CancelJob{member_of(song_han), job})), Code::UnknownJob);
    EXPECT_FALSE(zone.tell(CancelJob{admin(), job}).refusal);
}

TEST(MachineGrants, AWaitingJobStartsWhenARunningOneGivesBackWhatItDidNotUse) {
    Zone zone;
    JobSpec spec = job_of(1, 8);
    spec.time_limit = hours(7);
    const JobId first = zone.submit(spec);
    const JobId second = zone.submit(spec);
    EXPECT_EQ(phase_name(zone.job(second)->phase), "queued");
    EXPECT_EQ(zone.machine.state().scheduler.why(second, zone.now)->code, Code::HoldDoesNotFit);

    zone.run_to_end(first, hours(1));

    EXPECT_EQ(phase_name(zone.job(second)->phase), "starting");
}

TEST(MachineNodes, ASecondAgentOfTheSameNameIsRefusedAndARestartedOneIsNot) {
    Zone zone;
    Hello hello;
    hello.run = 2;
    hello.node = "n1";
    hello.instance = "another";
    hello.inventory = eight_gpus("n1");

    EXPECT_EQ(refusal_of(zone.tell(RegisterNode{hello})), Code::NodeTaken);
    hello.instance = "in1";
    EXPECT_FALSE(zone.tell(RegisterNode{hello}).refusal);
    EXPECT_EQ(zone.machine.state().truth.nodes.at(NodeId{1}).epoch, Epoch{2});
    EXPECT_EQ(refusal_of(zone.tell(HearNode{NodeId{1}, Epoch{1}, 1})), Code::StaleEpoch);
}

TEST(MachineNodes, ADrainedNodeTakesNoMoreJobs) {
    Zone zone(1);
    zone.tell(DrainNode{admin(), NodeName{"n1"}, "repair"});

    const JobId job = zone.submit(job_of(1, 1));
    EXPECT_EQ(phase_name(zone.job(job)->phase), "queued");
    zone.tell(ResumeNode{admin(), NodeName{"n1"}});
    zone.round();

    EXPECT_EQ(phase_name(zone.job(job)->phase), "starting");
}

TEST(MachineNodes, AGangThatIsNotReadyInTimeIsUndoneWhole) {
    Zone zone;
    const JobId job = zone.submit(job_of(2, 8));
    const auto nodes = live_attempt(*zone.job(job))->placement.nodes;
    zone.report(nodes[0].node, job, AgentStage::Prepared);

    zone.pass(limits::launch_timeout);
    zone.tell(Tick{});

    EXPECT_EQ(phase_name(zone.job(job)->phase), "ending");
    EXPECT_EQ(zone.machine.state().truth.books.at(job).suspect, nodes[1].node);
}

TEST(MachineReplay, GivesTheSameStateFromTheFactsAlone) {
    Zone zone;
    const JobId first = zone.submit(job_of(2, 8));
    const JobId second = zone.submit(job_of(1, 4), song_han);
    zone.submit(job_of(4, 8), song_han);
    zone.run_to_end(first, minutes(30));
    zone.tell(CancelJob{member_of(song_han), second});

    Machine again(ZoneId{"test"});
    for (const Stamped& fact : zone.history) {
        again.replay(fact);
    }

    const Truth& a = zone.machine.state().truth;
    const Truth& b = again.state().truth;
    EXPECT_EQ(a.jobs, b.jobs);
    EXPECT_EQ(a.nodes, b.nodes);
    EXPECT_EQ(a.books, b.books);
    EXPECT_EQ(a.ledger.state(), b.ledger.state());
}

TEST(MachineReplay, ARestoredStateGoesOnLikeTheOldOne) {
    Zone zone;
    const JobId first = zone.submit(job_of(2, 8));
    zone.submit(job_of(4, 8), song_han);
    Machine again(ZoneId{"test"});
    again.load(zone.machine.state().truth);
    again.recovered(zone.now);

    zone.machine = std::move(again);
    zone.run_to_end(first, minutes(30));

    EXPECT_EQ(zone.job(first), nullptr);
    EXPECT_EQ(phase_name(zone.job(JobId{2})->phase), "starting");
}

}  // namespace
}  // namespace khu
