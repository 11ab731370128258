// Why a job waits, in the words that its owner reads: each reason with its code, numbers and text.

#include "daemon/views.h"

#include <gtest/gtest.h>

#include "core/base/limits.h"
#include "daemon/http/submission.h"
#include "tests/core/machine/zone_builder.h"

namespace khu::daemon {
namespace {

using testing::job_of;
using testing::Zone;

/// "A122 held by u-1".
std::string reason_of(Zone& zone, JobId job) {
    const wire::WhyAnswer answer =
        why(zone.machine.borrow(), *zone.job(job), zone.now, Language::English);
    KHU_CHECK(!answer.reasons.empty());
    return answer.reasons.front().code + " " + answer.reasons.front().text;
}

/// The attempt that runs fails on its first node by the fault of the zone.
void fail_to_launch(Zone& zone, JobId job) {
    const NodeId node = live_attempt(*zone.job(job))->placement.nodes.front().node;
    AttemptResult result;
    result.rank_ran = false;
    result.fault_code = "T703";
    result.fault_text = "no space left";
    zone.report(node, job, AgentStage::Ended, result);
    zone.round();
}

TEST(Why, AJobThatIsHeldWaitsForItsOwner_A122) {
    Zone zone;
    JobSpec spec = job_of(1, 1);
    spec.held = true;

    EXPECT_EQ(reason_of(zone, zone.submit(spec)), "A122 held by u-1");
}

TEST(Why, AJobWaitsForAnother_A123) {
    Zone zone;
    const JobId first = zone.submit(job_of(1, 1));
    JobSpec spec = job_of(1, 1);
    spec.when.edit().after = {{.job = first, .on = After::Ok}};

    EXPECT_EQ(reason_of(zone, zone.submit(spec)),
              "A123 waits for job 1 to be ok; that job is starting");
}

TEST(Why, AfterAFailureOfTheZoneAJobStartsAgainByItself_A126) {
    Zone zone;
    const JobId job = zone.submit(job_of(1, 1));

    fail_to_launch(zone, job);

    EXPECT_EQ(reason_of(zone, job).substr(0, 87),
              "A126 attempt 1 ended by a failure of the infrastructure; the next one may start at "
              "2026");
}

TEST(Why, AJobThatTheZoneFailsTooOftenIsHeld_A127) {
    Zone zone;
    const JobId job = zone.submit(job_of(1, 1));
    for (int i = 0; i < limits::attempts_per_job_max; ++i) {
        ASSERT_NE(live_attempt(*zone.job(job)), nullptr) << i;
        fail_to_launch(zone, job);
        zone.pass(hours(2));
        zone.round();
    }

    EXPECT_EQ(reason_of(zone, job),
              "A127 16 attempts failed for reasons of the infrastructure; the job is held");
}

TEST(Why, NodesThatAreFreeAndNotTogether_A128) {
    Policy policy = testing::rich_policy();
    policy.topology = {
        {.nodes = {NodeName{"n1"}, NodeName{"n2"}}, .room = PlaceName{"A"}, .rack = PlaceName{"1"}},
        {.nodes = {NodeName{"n3"}, NodeName{"n4"}},
         .room = PlaceName{"A"},
         .rack = PlaceName{"2"}}};
    Zone zone(policy);
    zone.submit(job_of(1, 8));
    JobSpec away = job_of(1, 8);
    away.where.edit().include = {NodeName{"n3"}};
    zone.submit(away);
    JobSpec together = job_of(2, 8);
    together.within = "rack";

    EXPECT_EQ(
        reason_of(zone, zone.submit(together)).substr(0, 85),
        "A128 2 nodes are free that fit, enough for 2, but not together as asked (within rack)");
}

std::string said(const Refusal& refusal) {
    return std::string(info(refusal.code).id) + " " + text(refusal, Language::English);
}

std::string refused(const wire::SubmitRequest& request) {
    const auto spec = spec_of(request);
    if (!spec) {
        return said(spec.error());
    }
    const auto payload = payload_of(request, testing::admin());
    return payload ? "taken" : said(payload.error());
}

wire::SubmitRequest usual() {
    wire::SubmitRequest request;
    request.script = "#!/bin/sh\n";
    request.chdir = "/home/u";
    request.time_limit_s = 60;
    return request;
}

TEST(Submission, TextsThatNoNodeCouldUse_A135) {
    ASSERT_EQ(refused(usual()), "taken");
    wire::SubmitRequest relative = usual();
    relative.chdir = "home";
    EXPECT_EQ(refused(relative),
              "A135 the working directory is not acceptable: it must be an absolute path");
    wire::SubmitRequest cut = usual();
    cut.env = {{"A", std::string("b\0c", 3)}};
    EXPECT_EQ(refused(cut).substr(0, 4), "A135");
    wire::SubmitRequest twofold = usual();
    twofold.argv = {"true"};
    EXPECT_EQ(refused(twofold).substr(0, 4), "A135");
    wire::SubmitRequest named = usual();
    named.name = "a\nb";
    EXPECT_EQ(refused(named).substr(0, 4), "A135");
}

}  // namespace
}  // namespace khu::daemon
