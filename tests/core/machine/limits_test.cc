/// Limits of an enterprise that no other test names by their words: the code, the numbers and what
/// to do, as the design's table of refusals has them.

#include <gtest/gtest.h>

#include "core/base/limits.h"
#include "core/machine/admission.h"
#include "tests/core/machine/zone_books.h"

namespace khu {
namespace {

using testing::job_of;
using testing::small_policy;
using testing::Zone;

std::string said(const Refusal& why) {
    return std::string(info(why.code).id) + ": " + text(why, Language::English) + " / " +
           remedy(why, Language::English);
}

TEST(Limits, MoreJobsQueuedThanTheProgrammeLetsOneHave_A103) {
    Policy policy = small_policy();
    policy.programmes.front().limits.max_jobs_queued = 2;
    Zone zone(policy, 0);
    zone.submit(job_of(1, 1));
    zone.submit(job_of(1, 1));

    const Outcome third = zone.tell(
        SubmitJob{.who = testing::member_of(testing::sao_mai), .spec = job_of(1, 1), .key = ""});

    ASSERT_TRUE(third.refusal);
    EXPECT_EQ(
        said(*third.refusal),
        "A103: enterprise 0401000001 has 2 jobs queued in free, the limit is 2 (zone test-1) / "
        "Wait until some have started, or cancel some.");
}

TEST(Limits, AMillionJobsWaitInTheZone_A136) {
    const Zone zone(testing::rich_policy());
    State state(ZoneId{"test"});
    state.truth = zone.machine.state().truth;
    restore(state, zone.now);
    const Identity who = testing::member_of(testing::sao_mai);
    const auto waits = admit(state, who, job_of(1, 8), zone.now);
    ASSERT_TRUE(waits.has_value());
    for (std::int64_t job = 1; job < limits::jobs_pending_max; ++job) {
        const JobId id{static_cast<std::uint64_t>(job)};
        state.scheduler.job_queued(queued_job(id, 1, *waits, NodeId{}), zone.now);
    }
    const auto last = admit(state, who, job_of(1, 8), zone.now);
    const JobId id{static_cast<std::uint64_t>(limits::jobs_pending_max)};
    state.scheduler.job_queued(queued_job(id, 1, *waits, NodeId{}), zone.now);

    const auto refused = admit(state, who, job_of(1, 8), zone.now);

    EXPECT_TRUE(last.has_value());
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(said(refused.error()),
              "A136: the zone's queue holds 1000000 jobs, which is its limit / Submit again when "
              "some have started.");
}

TEST(Limits, MoreGpusThanTheEnterpriseMayRun_A116) {
    Policy policy = small_policy();
    policy.programmes.front().limits.max_gpus_running = 12;
    Zone zone(policy);
    zone.submit(job_of(1, 8));
    const JobId second = zone.submit(job_of(1, 8));

    const auto why = zone.machine.state().scheduler.why(second, zone.now);

    ASSERT_TRUE(why);
    EXPECT_EQ(
        said(*why),
        "A116: enterprise 0401000001 runs 8 GPUs in free, the limit is 12; this job needs 8 / "
        "It starts when one of your running jobs ends.");
}

TEST(Limits, WhatAProjectHasLeft_A107) {
    Zone zone;
    ASSERT_FALSE(zone.tell(CapProject{.who = testing::admin(),
                                      .grant = GrantId{"G1"},
                                      .project = "small",
                                      .cap = gpu_hours(20)})
                     .refusal);
    JobSpec spec = job_of(1, 8);
    spec.project = Text("small");
    zone.submit(spec);
    const JobId second = zone.submit(spec);

    const auto why = zone.machine.state().scheduler.why(second, zone.now);

    ASSERT_TRUE(why);
    EXPECT_EQ(said(*why),
              "A107: needs 16.0 GPU-hours; project small may use 20.0 GPU-hours of G1, has 4.0 "
              "GPU-hours of that left and 16.0 GPU-hours held by its running jobs (enterprise "
              "0401000001, set by admin at 2026-03-31T23:33:20Z) / Ask a holder of your enterprise "
              "for a larger part: khu project cap; or ask for less time: --time.");
}

}  // namespace
}  // namespace khu
