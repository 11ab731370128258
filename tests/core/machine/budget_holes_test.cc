// Five holes that budgets of schedulers are known for, each as a claim that does not break here: a
// burst at the cap overshoots it; a requeue erases what was used; a lost report of an end accrues
// for ever; what was spent cannot be given back by an admin; no cap per project.
#include <gtest/gtest.h>

#include "core/base/limits.h"
#include "tests/core/machine/zone_books.h"

namespace khu {
namespace {

using testing::admin;
using testing::job_of;
using testing::member_of;
using testing::sao_mai;
using testing::song_han;
using testing::Zone;

TEST(BudgetHoles, ABurstAtTheCapNeverOvershoots) {
    Zone zone;  // The grant has 100 GPU-hours.
    JobSpec third = job_of(1, 8);
    third.time_limit = hours(4);  // 32 GPU-hours each
    std::vector<JobId> jobs;
    for (int i = 0; i < 20; ++i) {
        jobs.push_back(
            zone.tell(SubmitJob{.who = member_of(sao_mai), .spec = third, .key = ""}).job);
    }

    zone.round();  // All at once.

    EXPECT_EQ(zone.grant("G1").held, gpu_hours(96));
    EXPECT_EQ(zone.grant("G1").free, gpu_hours(4));
    // And all the way down: whatever ends and starts, no more than the grant is ever spent.
    for (int i = 0; i < 40; ++i) {
        for (const JobId job : jobs) {
            if (zone.job(job) != nullptr && live_attempt(*zone.job(job)) != nullptr) {
                zone.run_to_end(job, hours(3));
                break;
            }
        }
        const Grant& grant = zone.grant("G1");
        ASSERT_LE(grant.spent + grant.held, gpu_hours(100));
    }
    EXPECT_GT(zone.grant("G1").spent, gpu_hours(68));  // The cap was in reach all the time.
}

TEST(BudgetHoles, ARequeueErasesNothing) {
    Zone zone;
    const JobId job = zone.submit(job_of(1, 8));
    zone.start_running(job);
    zone.pass(hours(1));

    const NodeId node = live_attempt(*zone.job(job))->placement.nodes[0].node;
    ASSERT_FALSE(zone.tell(RequeueJob{member_of(sao_mai), job}).refusal.has_value());
    zone.report(node, job, AgentStage::Ended);

    EXPECT_EQ(zone.grant("G1").spent, gpu_hours(8));
    ASSERT_EQ(rows(zone).size(), 1U);
    EXPECT_EQ(rows(zone)[0].charged_ugs, gpu_hours(8));
    zone.round();
    zone.run_to_end(job, minutes(30));
    EXPECT_EQ(zone.grant("G1").spent, gpu_hours(12));
    EXPECT_EQ(rows(zone).size(), 2U);
    EXPECT_EQ(rows(zone)[1].attempt, AttemptNumber{2});
}

TEST(BudgetHoles, ALostReportOfAnEndDoesNotAccrue) {
    Zone zone;
    JobSpec spec = job_of(1, 8);
    spec.requeue = false;
    const JobId job = zone.submit(spec);
    zone.start_running(job);

    zone.pass(limits::lease + limits::lease_skew);  // The agent is never heard again.
    zone.tell(Tick{});
    const Atoms spent = zone.grant("G1").spent;
    zone.pass(days(30));
    zone.tell(Tick{});

    EXPECT_EQ(zone.job(job), nullptr);
    EXPECT_EQ(zone.grant("G1").held, Atoms{0});
    EXPECT_EQ(zone.grant("G1").spent, spent);
    EXPECT_EQ(spent, Atoms{0});  // The zone bears what its node lost.
    ASSERT_EQ(rows(zone).size(), 1U);
    EXPECT_LE(rows(zone)[0].elapsed_s, whole_seconds_up(limits::lease + limits::lease_skew));
}

TEST(BudgetHoles, AnAdminGivesBackWhatWasSpentAndTheRecordStays) {
    Zone zone;
    zone.run_to_end(zone.submit(job_of(1, 8)), hours(2));
    ASSERT_EQ(zone.grant("G1").free, gpu_hours(84));

    const Outcome given = zone.tell(ExtendGrant{
        admin(), {.id = GrantId{"G1"}, .add = gpu_hours(16), .decision_ref = "9/QD: back"}});

    EXPECT_FALSE(given.refusal.has_value());
    EXPECT_EQ(zone.grant("G1").free, gpu_hours(100));
    EXPECT_EQ(zone.grant("G1").spent, gpu_hours(16));
    EXPECT_EQ(rows(zone).size(), 1U);
}

CapProject cap(const char* project, Atoms amount) {
    Identity holder = member_of(sao_mai);
    holder.roles.insert(Role::Holder);
    return {.who = holder, .grant = GrantId{"G1"}, .project = project, .cap = amount};
}

JobSpec of_project(const char* project) {
    JobSpec spec = job_of(1, 8);  // 16 GPU-hours
    spec.project = project;
    return spec;
}

TEST(BudgetHoles, AProjectUsesNoMoreThanItsCapOfTheGrant) {
    Zone zone;
    ASSERT_FALSE(zone.tell(cap("vision", gpu_hours(20))).refusal.has_value());

    const JobId first = zone.submit(of_project("vision"));
    const JobId second = zone.submit(of_project("vision"));
    const JobId other = zone.submit(of_project("speech"));

    EXPECT_EQ(phase_name(zone.job(first)->phase), "starting");
    EXPECT_EQ(phase_name(zone.job(second)->phase), "queued");
    EXPECT_EQ(phase_name(zone.job(other)->phase), "starting");
    EXPECT_EQ(
        text(*zone.machine.borrow().scheduler.why(second, zone.now), Language::English),
        "needs 16.0 GPU-hours; project vision may use 20.0 GPU-hours of G1, has 4.0 GPU-hours "
        "of that left and 16.0 GPU-hours held by its running jobs (enterprise 0401000001, set by "
        "u-1 at 2026-03-31T23:33:20Z)");
    zone.run_to_end(first, minutes(30));  // It gives 12 back: 4 of 20 are spent.
    EXPECT_EQ(phase_name(zone.job(second)->phase), "starting");
    EXPECT_EQ(usable(zone.grant("G1"), "vision"), Atoms{0});
}

TEST(ProjectCaps, CountWhatRunsWhenTheyAreSetAndAreLifted) {
    Zone zone;
    const JobId first = zone.submit(of_project("vision"));
    CapProject set = cap("vision", gpu_hours(20));
    zone.tell(set);
    EXPECT_EQ(usable(zone.grant("G1"), "vision"), gpu_hours(4));
    zone.run_to_end(first, hours(1));
    EXPECT_EQ(usable(zone.grant("G1"), "vision"), gpu_hours(12));
    const JobId second = zone.submit(of_project("vision"));
    ASSERT_EQ(phase_name(zone.job(second)->phase), "queued");

    set.lift = true;
    zone.tell(set);
    zone.round();

    EXPECT_EQ(phase_name(zone.job(second)->phase), "starting");
    EXPECT_TRUE(zone.grant("G1").projects.empty());
}

TEST(ProjectCaps, OnlyAHolderOfTheEnterpriseSetsThem) {
    Zone zone;
    CapProject by_member = cap("vision", gpu_hours(1));
    by_member.who = member_of(sao_mai);
    CapProject by_another = cap("vision", gpu_hours(1));
    by_another.who = member_of(song_han);
    by_another.who.roles.insert(Role::Holder);

    EXPECT_EQ(zone.tell(by_member).refusal->code, Code::Forbidden);
    EXPECT_EQ(zone.tell(by_another).refusal->code, Code::UnknownGrant);
    EXPECT_EQ(zone.tell(cap("", gpu_hours(1))).refusal->code, Code::BadField);
}

}  // namespace
}  // namespace khu
