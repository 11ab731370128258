/// Who is to blame for the end of a gang: a rank that failed, or a node that died under the others,
/// whose ranks then fail too and are heard first.

#include <gtest/gtest.h>

#include "core/base/limits.h"
#include "core/machine/machine.h"
#include "tests/core/machine/zone_builder.h"

namespace khu {
namespace {

using testing::eight_gpus;
using testing::job_of;
using testing::member_of;
using testing::sao_mai;
using testing::Zone;

AttemptResult exit_of(int code) {
    AttemptResult result;
    result.exit_code = code;
    return result;
}

AttemptResult killed_by(NodeEnd end) {
    AttemptResult result;
    result.signal = 9;
    result.end = end;
    return result;
}

/// An MPI job of two nodes that runs, on the way to its end.
struct Gang {
    Zone zone;
    JobId job;
    NodeId head, other;

    explicit Gang(bool requeue = true, Launcher launcher = Launcher::Mpi) {
        JobSpec spec = job_of(2, 8);
        spec.launcher = launcher;
        spec.requeue = requeue;
        job = zone.submit(spec);
        const auto nodes = live_attempt(*zone.job(job))->placement.nodes;
        head = nodes[0].node;
        other = nodes[1].node;
        zone.start_running(job);
        zone.pass(minutes(10));
        hear_all_but({});
    }

    void hear_all_but(NodeId silent) {
        for (const auto& [id, record] : zone.machine.state().truth.nodes) {
            if (id != silent) {
                zone.tell(HearNode{id, record.epoch, 1});
            }
        }
    }

    /// The agent of the other node says Hello as process `run`, with what it has.
    void other_says_hello(std::uint64_t run, std::vector<AttemptReport> attempts) {
        const NodeRecord& node = zone.machine.state().truth.nodes.at(other);
        Hello hello;
        hello.run = run;
        hello.number = node.hello + 1;
        hello.node = node.name.value;
        hello.instance = node.instance;
        hello.inventory = eight_gpus(hello.node);
        hello.attempts = std::move(attempts);
        ASSERT_FALSE(zone.tell(RegisterNode{hello}).refusal);
    }

    AttemptReport of_other(AgentStage stage) const {
        return {.job = job, .attempt = AttemptNumber{1}, .stage = stage};
    }

    /// Where the first attempt is on record: waived and queued again, or charged and over.
    void expect_waived_and_queued_again() {
        ASSERT_NE(zone.job(job), nullptr);
        EXPECT_EQ(phase_name(zone.job(job)->phase), "queued");
        EXPECT_EQ(zone.grant("G1").spent, Atoms{0});
    }
    void expect_charged_and_over() {
        EXPECT_EQ(zone.job(job), nullptr);
        EXPECT_GT(zone.grant("G1").spent, Atoms{0});
    }
};

TEST(GangEnd, ARankThatFailsIsTheUsersWhenTheOtherNodesAnswer) {
    Gang gang;

    gang.zone.report(gang.head, gang.job, AgentStage::Ended, exit_of(3));
    gang.zone.report(gang.other, gang.job, AgentStage::Ended, killed_by(NodeEnd::Asked));

    gang.expect_charged_and_over();
}

TEST(GangEnd, ANodeThatIsSilentSinceARankFailedAndIsLostIsToBlame) {
    Gang gang;

    gang.zone.report(gang.head, gang.job, AgentStage::Ended, exit_of(1));
    gang.zone.pass(limits::lease + limits::lease_skew);
    gang.hear_all_but(gang.other);
    gang.zone.tell(Tick{});

    gang.expect_waived_and_queued_again();
    EXPECT_EQ(gang.zone.job(gang.job)->suspect, gang.other);
}

TEST(GangEnd, ANodeThatKilledItsPartAtTheEndOfItsLeaseIsToBlame) {
    Gang gang;

    gang.zone.report(gang.head, gang.job, AgentStage::Ended, exit_of(1));
    gang.zone.report(gang.other, gang.job, AgentStage::Ended, killed_by(NodeEnd::LeaseOver));

    gang.expect_waived_and_queued_again();
}

TEST(GangEnd, ANodeWhoseShepherdDiedIsToBlameEvenIfItSpeaksFirst) {
    Gang gang;

    gang.zone.report(gang.other, gang.job, AgentStage::Ended, killed_by(NodeEnd::Lost));
    gang.zone.report(gang.head, gang.job, AgentStage::Ended, exit_of(1));

    gang.expect_waived_and_queued_again();
}

TEST(GangEnd, ANodeThatComesBackWithoutItsPartIsToBlame) {
    Gang gang;

    gang.zone.report(gang.head, gang.job, AgentStage::Ended, exit_of(1));
    gang.other_says_hello(2, {});

    gang.expect_waived_and_queued_again();
}

TEST(GangEnd, AnAgentThatIsRestartedBreaksMpirunsSession) {
    Gang gang;

    gang.zone.report(gang.head, gang.job, AgentStage::Ended, exit_of(1));
    gang.other_says_hello(2, {gang.of_other(AgentStage::Running)});
    gang.zone.report(gang.other, gang.job, AgentStage::Ended, killed_by(NodeEnd::Asked));

    gang.expect_waived_and_queued_again();
}

TEST(GangEnd, AnAgentThatWasRestartedJustBeforeBreaksMpirunsSessionToo) {
    Gang gang;

    gang.other_says_hello(2, {gang.of_other(AgentStage::Running)});
    gang.zone.pass(limits::session_echo);
    gang.zone.report(gang.head, gang.job, AgentStage::Ended, exit_of(1));
    gang.zone.report(gang.other, gang.job, AgentStage::Ended, killed_by(NodeEnd::Asked));

    gang.expect_waived_and_queued_again();
}

TEST(GangEnd, AnAgentThatWasRestartedLongAgoExplainsNothing) {
    Gang gang;

    gang.other_says_hello(2, {gang.of_other(AgentStage::Running)});
    gang.zone.pass(limits::session_echo + milliseconds(1));
    gang.zone.report(gang.head, gang.job, AgentStage::Ended, exit_of(3));
    gang.zone.report(gang.other, gang.job, AgentStage::Ended, killed_by(NodeEnd::Asked));

    gang.expect_charged_and_over();
}

TEST(GangEnd, AConnectionThatIsMadeAgainExplainsNothing) {
    Gang gang;  // all agents connect again after a restart of khud

    gang.zone.report(gang.head, gang.job, AgentStage::Ended, exit_of(3));
    gang.other_says_hello(1, {gang.of_other(AgentStage::Running)});
    gang.zone.report(gang.other, gang.job, AgentStage::Ended, killed_by(NodeEnd::Asked));

    gang.expect_charged_and_over();
}

TEST(GangEnd, MemoryThatRanOutOnAnotherNodeExplainsMpirunsError) {
    Gang gang;
    AttemptResult oom = killed_by(NodeEnd::Asked);
    oom.oom = true;

    gang.zone.report(gang.head, gang.job, AgentStage::Ended, exit_of(1));
    gang.zone.report(gang.other, gang.job, AgentStage::Ended, oom);

    gang.expect_charged_and_over();
    bool said = false;
    for (const Effect& effect : gang.zone.effects) {
        const auto* usage = std::get_if<PostUsage>(&effect);
        said = said || (usage != nullptr && usage->row.end_cause == "oom");
    }
    EXPECT_TRUE(said);
}

TEST(GangEnd, ACancelThatWasAcceptedMeanwhileIsKept) {
    Gang gang;

    gang.zone.report(gang.head, gang.job, AgentStage::Ended, exit_of(1));
    gang.zone.tell(CancelJob{member_of(sao_mai), gang.job});
    gang.zone.report(gang.other, gang.job, AgentStage::Ended, killed_by(NodeEnd::LeaseOver));

    EXPECT_EQ(gang.zone.job(gang.job), nullptr);
    EXPECT_EQ(gang.zone.grant("G1").spent, Atoms{0});
}

TEST(GangEnd, OneNodeThatKilledItsRanksAtTheEndOfItsLeaseIsNotTheUsersError) {
    Zone zone;
    JobSpec spec = job_of(1, 8);
    spec.requeue = true;
    const JobId job = zone.submit(spec);
    zone.start_running(job);
    zone.pass(minutes(10));

    zone.report(live_attempt(*zone.job(job))->placement.nodes[0].node, job, AgentStage::Ended,
                killed_by(NodeEnd::LeaseOver));

    ASSERT_NE(zone.job(job), nullptr);
    EXPECT_EQ(phase_name(zone.job(job)->phase), "queued");
    EXPECT_EQ(zone.grant("G1").spent, Atoms{0});
}

TEST(GangEnd, AGangThatNeverRanWholeIsUndoneQuickly) {
    Zone zone;
    const JobId job = zone.submit(job_of(2, 8));
    const auto nodes = live_attempt(*zone.job(job))->placement.nodes;
    for (const NodeAllocation& each : nodes) {
        zone.report(each.node, job, AgentStage::Prepared);
    }
    zone.report(nodes[0].node, job, AgentStage::Running);
    zone.effects.clear();

    zone.report(nodes[1].node, job, AgentStage::Ended, killed_by(NodeEnd::Lost));

    Span grace{-1};
    for (const Effect& effect : zone.effects) {
        const auto* send = std::get_if<SendToAgent>(&effect);
        const auto* stop = send == nullptr ? nullptr : std::get_if<StopAttempt>(&send->message);
        grace = stop == nullptr ? grace : stop->grace;
    }
    EXPECT_EQ(grace, limits::undo_grace);
}

TEST(GangEnd, AHalfLaunchedGangIsUndoneAsQuicklyWhenTheStopIsSaidAgain) {
    Zone zone;
    JobSpec spec = job_of(2, 8);
    spec.launcher = Launcher::Mpi;
    const JobId job = zone.submit(spec);
    const auto nodes = live_attempt(*zone.job(job))->placement.nodes;
    for (const NodeAllocation& each : nodes) {
        zone.report(each.node, job, AgentStage::Prepared);
    }
    zone.report(nodes[0].node, job, AgentStage::Running);
    AttemptResult never = killed_by(NodeEnd::Lost);
    never.rank_ran = false;
    zone.report(nodes[1].node, job, AgentStage::Ended, never);

    zone.effects.clear();
    zone.pass(limits::repeat_after);
    const Epoch epoch = zone.machine.state().truth.nodes.at(nodes[0].node).epoch;
    zone.tell(HearNode{nodes[0].node, epoch, 1});

    std::vector<Span> graces;
    for (const Effect& effect : zone.effects) {
        const auto* send = std::get_if<SendToAgent>(&effect);
        if (send != nullptr && std::holds_alternative<StopAttempt>(send->message)) {
            graces.push_back(std::get<StopAttempt>(send->message).grace);
        }
    }
    EXPECT_EQ(graces, std::vector<Span>{limits::undo_grace});
}

}  // namespace
}  // namespace khu
