#include <gtest/gtest.h>

#include <algorithm>

#include "core/machine/dependencies.h"
#include "core/machine/machine.h"
#include "tests/core/machine/zone_builder.h"

/// \file
/// What a job may ask beyond its shape: after which jobs, until when; and what may be changed
/// later.

namespace khu {
namespace {

using testing::job_of;
using testing::member_of;
using testing::sao_mai;
using testing::song_han;
using testing::Zone;

JobSpec after(JobId job, After on, int gpus = 1) {
    JobSpec spec = job_of(1, gpus);
    spec.when.edit().after = {{.job = job, .on = on}};
    return spec;
}

Outcome try_submit(Zone& zone, const JobSpec& spec, const EnterpriseId& owner = sao_mai) {
    return zone.tell(SubmitJob{.who = member_of(owner), .spec = spec, .key = ""});
}

Code refusal_of(const Outcome& outcome) {
    KHU_CHECK(outcome.refusal.has_value());
    return outcome.refusal->code;
}

std::string phase(const Zone& zone, JobId job) {
    const Job* found = zone.job(job);
    return found == nullptr ? "gone" : phase_name(found->phase);
}

/// The cause with which the job was archived; Completed must not be asked of one that was not.
EndCause cause_of(const Zone& zone, JobId job) {
    for (const Effect& effect : zone.effects) {
        const auto* archive = std::get_if<ArchiveJob>(&effect);
        if (archive != nullptr && archive->job.id == job) {
            return std::get<Finished>(archive->job.phase).cause;
        }
    }
    KHU_CHECK(false, "job {} is not archived", job.value);
}

AttemptResult failed() {
    return {.exit_code = 3};
}

TEST(Dependencies, AJobWaitsUntilTheOtherHasEndedWell) {
    Zone zone;
    const JobId first = zone.submit(job_of(1, 1));
    const JobId second = zone.submit(after(first, After::Ok));

    EXPECT_EQ(phase(zone, second), "queued");
    ASSERT_NE(waits_for(zone.machine.state(), *zone.job(second)), nullptr);
    zone.run_to_end(first, hours(1));

    EXPECT_EQ(phase(zone, second), "starting");
}

TEST(Dependencies, OneThatCanNeverBeMetEndsTheJobAndThoseBehindIt) {
    Zone zone;
    const JobId first = zone.submit(job_of(1, 1));
    const JobId second = zone.submit(after(first, After::Ok));
    const JobId third = zone.submit(after(second, After::Ok));
    const JobId either = zone.submit(after(second, After::Any));

    zone.run_to_end(first, hours(1), failed());

    EXPECT_EQ(cause_of(zone, second), EndCause::DependencyFailed);
    EXPECT_EQ(cause_of(zone, third), EndCause::DependencyFailed);
    EXPECT_EQ(phase(zone, either), "starting");
    EXPECT_TRUE(zone.machine.state().dependents.empty());
}

TEST(Dependencies, AfterNotOkStartsOnAFailureAndEndsOnSuccess) {
    Zone zone;
    const JobId bad = zone.submit(job_of(1, 1));
    const JobId good = zone.submit(job_of(1, 1));
    const JobId clean_up = zone.submit(after(bad, After::NotOk));
    const JobId never = zone.submit(after(good, After::NotOk));

    zone.run_to_end(bad, hours(1), failed());
    zone.run_to_end(good, minutes(10));

    EXPECT_EQ(phase(zone, clean_up), "starting");
    EXPECT_EQ(cause_of(zone, never), EndCause::DependencyFailed);
}

TEST(Dependencies, AfterStartWaitsForTheFirstRank) {
    Zone zone;
    const JobId first = zone.submit(job_of(1, 1));
    const JobId second = zone.submit(after(first, After::Start));
    EXPECT_EQ(phase(zone, second), "queued");

    zone.start_running(first);
    zone.round();

    EXPECT_EQ(phase(zone, second), "starting");
}

TEST(Dependencies, ARequeuedJobHasNotEnded) {
    Zone zone;
    const JobId first = zone.submit(job_of(1, 1));
    const JobId second = zone.submit(after(first, After::Any));
    zone.start_running(first);

    zone.tell(RequeueJob{member_of(sao_mai), first});
    zone.report(live_attempt(*zone.job(first))->placement.nodes[0].node, first, AgentStage::Ended);
    zone.round();

    EXPECT_EQ(phase(zone, first), "starting");
    EXPECT_EQ(phase(zone, second), "queued");
}

TEST(Dependencies, OnWhatHasEndedAreSettledAtSubmission) {
    Zone zone;
    const JobId good = zone.submit(job_of(1, 1));
    const JobId bad = zone.submit(job_of(1, 1));
    zone.run_to_end(good, minutes(5));
    zone.run_to_end(bad, minutes(5), failed());

    EXPECT_EQ(phase(zone, zone.submit(after(good, After::Ok))), "starting");
    EXPECT_EQ(refusal_of(try_submit(zone, after(bad, After::Ok))), Code::DependencyDead);
    EXPECT_EQ(refusal_of(try_submit(zone, after(JobId{77}, After::Ok))), Code::DependencyUnknown);
    EXPECT_EQ(refusal_of(try_submit(zone, after(good, After::Ok), song_han)),
              Code::DependencyUnknown);
}

TEST(Dependencies, SingletonRunsOneJobOfANameAfterTheOther) {
    Zone zone;
    JobSpec spec = job_of(1, 1);
    spec.name = "nightly";
    spec.when.edit().singleton = true;
    const JobId first = zone.submit(spec);
    const JobId second = zone.submit(spec);
    const JobId other = zone.submit(job_of(1, 1));

    EXPECT_EQ(phase(zone, first), "starting");
    EXPECT_EQ(phase(zone, second), "queued");
    EXPECT_EQ(phase(zone, other), "starting");
    zone.run_to_end(first, hours(1), failed());

    EXPECT_EQ(phase(zone, second), "starting");
}

TEST(Dependencies, HoldAndDependencyMustBothBeGone) {
    Zone zone;
    const JobId first = zone.submit(job_of(1, 1));
    JobSpec spec = after(first, After::Ok);
    spec.held = true;
    const JobId second = zone.submit(spec);

    zone.tell(ReleaseJob{member_of(sao_mai), second});
    zone.round();
    EXPECT_EQ(phase(zone, second), "queued");
    zone.tell(HoldJob{member_of(sao_mai), second});
    zone.run_to_end(first, hours(1));
    EXPECT_EQ(phase(zone, second), "queued");
    zone.tell(ReleaseJob{member_of(sao_mai), second});
    zone.round();

    EXPECT_EQ(phase(zone, second), "starting");
}

TEST(Dependencies, AReplayComesToTheSame) {
    Zone zone;
    const JobId first = zone.submit(job_of(1, 1));
    zone.submit(after(first, After::Ok));
    const JobId third = zone.submit(after(first, After::NotOk));
    zone.run_to_end(first, hours(1));

    Machine again{ZoneId{"test"}};
    for (const Stamped& fact : zone.history) {
        again.replay(fact);
    }

    EXPECT_EQ(again.state().truth.jobs, zone.machine.state().truth.jobs);
    EXPECT_EQ(again.state().truth.ended, zone.machine.state().truth.ended);
    EXPECT_TRUE(again.state().settled.empty());
    EXPECT_EQ(cause_of(zone, third), EndCause::DependencyFailed);
}

TEST(Deadline, AJobThatCouldNoLongerEndInTimeEndsUnstarted) {
    Zone zone;
    for (int node = 0; node < 4; ++node) {
        zone.submit(job_of(1, 8), song_han);
    }
    JobSpec spec = job_of(1, 8);
    spec.when.edit().deadline = zone.now + hours(3);
    const JobId job = zone.submit(spec);

    EXPECT_EQ(zone.machine.next_wake() <= zone.now + hours(1), true);
    zone.pass(hours(1));
    zone.tell(Tick{});

    EXPECT_EQ(cause_of(zone, job), EndCause::DeadlineMissed);
    EXPECT_TRUE(std::ranges::none_of(zone.machine.state().job_timers,
                                     [&](const auto& timer) { return timer.second == job; }));
}

TEST(Deadline, OneThatIsTooSoonIsRefused) {
    Zone zone;
    JobSpec spec = job_of(1, 1);
    spec.not_before = zone.now + hours(1);
    spec.when.edit().deadline = zone.now + hours(3) - seconds(1);

    EXPECT_EQ(refusal_of(try_submit(zone, spec)), Code::DeadlineTooSoon);
    spec.when.edit().deadline = zone.now + hours(3);
    EXPECT_FALSE(try_submit(zone, spec).refusal);
}

TEST(Update, ChangesAWaitingJobAndKeepsItsAge) {
    Zone zone;
    JobSpec held = job_of(1, 1);
    held.held = true;
    const JobId job = zone.submit(held);

    const Outcome changed = zone.tell(UpdateJob{
        member_of(sao_mai), job, {.name = "other", .time_limit = hours(3), .not_before = {}}});

    EXPECT_FALSE(changed.refusal);
    EXPECT_EQ(zone.job(job)->spec.name, "other");
    EXPECT_EQ(zone.job(job)->spec.time_limit, hours(3));
    EXPECT_EQ(refusal_of(zone.tell(
                  UpdateJob{member_of(sao_mai), job, {.name = {}, .time_limit = hours(100)}})),
              Code::OverLimit);
    EXPECT_EQ(refusal_of(zone.tell(UpdateJob{member_of(song_han), job, {.name = "mine"}})),
              Code::UnknownJob);
}

TEST(Update, ARunningJobCanOnlyBeShortened) {
    Zone zone;
    const JobId job = zone.submit(job_of(1, 1));
    zone.start_running(job);
    zone.pass(seconds(10));
    const auto update = [&](JobChange change) {
        return zone.tell(UpdateJob{member_of(sao_mai), job, std::move(change)});
    };

    EXPECT_EQ(refusal_of(update({.time_limit = hours(3)})), Code::OnlyShorter);
    EXPECT_EQ(refusal_of(update({.time_limit = seconds(5)})), Code::AlreadyLonger);
    EXPECT_EQ(refusal_of(update({.not_before = zone.now})), Code::FixedOnceStarted);
    EXPECT_FALSE(update({.time_limit = seconds(20)}).refusal);
    zone.pass(seconds(10));
    zone.tell(Tick{});

    ASSERT_TRUE(std::holds_alternative<Ending>(zone.job(job)->phase));
    EXPECT_EQ(std::get<Ending>(zone.job(job)->phase).cause, EndCause::TimeLimit);
}

TEST(NodeRulesOfAJob, AreCheckedAgainstWhatTheZoneHas) {
    Zone zone;
    JobSpec spec = job_of(2, 1);
    spec.where.edit().include = {NodeName{"n3"}, NodeName{"n1"}};
    const JobId job = zone.submit(spec);

    EXPECT_EQ(phase(zone, job), "starting");
    spec.where.edit().include = {NodeName{"n1"}, NodeName{"nowhere"}};
    EXPECT_EQ(refusal_of(try_submit(zone, spec)), Code::UnknownName);
    spec.where.edit() = {.exclude = {NodeName{"n1"}, NodeName{"n2"}, NodeName{"n3"}}};
    EXPECT_EQ(refusal_of(try_submit(zone, spec)), Code::TooFewNodes);
    spec.where.edit() = {.features = {FeatureName{"nvme"}}};
    EXPECT_EQ(refusal_of(try_submit(zone, spec)), Code::UnknownName);
    spec.where.edit() = {.segment = 3, .segment_level = Text("rack")};
    EXPECT_EQ(refusal_of(try_submit(zone, spec)), Code::SegmentsDoNotDivide);
}

TEST(NodeRulesOfAJob, FollowTheTopologyOfThePolicy) {
    Zone zone;
    Policy policy = testing::small_policy();
    policy.id = PolicyId{"test-2"};
    policy.supersedes = PolicyId{"test-1"};
    policy.effective_from = zone.now + seconds(1);
    policy.topology = {{.nodes = {NodeName{"n1"}, NodeName{"n4"}},
                        .room = PlaceName{"A"},
                        .rack = PlaceName{"A1"},
                        .features = {FeatureName{"nvme"}}},
                       {.nodes = {NodeName{"n2"}, NodeName{"n3"}},
                        .room = PlaceName{"A"},
                        .rack = PlaceName{"A2"}}};
    const Outcome applied =
        zone.tell(ApplyPolicy{.who = testing::admin(), .policy = policy, .text = "p"});
    ASSERT_FALSE(applied.refusal) << text(*applied.refusal, Language::English);
    zone.pass(seconds(1));
    zone.tell(Tick{});
    JobSpec spec = job_of(2, 1);
    spec.within = "rack";
    spec.where.edit().features = {FeatureName{"nvme"}};

    const JobId job = zone.submit(spec);

    const Placement& placed = live_attempt(*zone.job(job))->placement;
    EXPECT_EQ(placed.receipt.span, "rack");
    EXPECT_EQ(placed.nodes[0].node, NodeId{1});
    EXPECT_EQ(placed.nodes[1].node, NodeId{4});
}

}  // namespace
}  // namespace khu
