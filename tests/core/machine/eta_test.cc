#include "core/machine/eta.h"

#include <gtest/gtest.h>

#include "tests/core/machine/zone_builder.h"

namespace khu {
namespace {

using testing::job_of;
using testing::Zone;

const WaitCounts& only_row(const Zone& zone) {
    const auto& rows = zone.machine.state().truth.waits.rows();
    EXPECT_EQ(rows.size(), 1U);
    return rows.begin()->second;
}

int times_told(const Zone& zone) {
    int times = 0;
    for (const Stamped& fact : zone.history) {
        times += std::holds_alternative<EtasGiven>(fact.fact) ? 1 : 0;
    }
    return times;
}

/// One node; the first job has it, the second waits and has been told.
class Eta : public ::testing::Test {
protected:
    Eta() : zone(1) {
        first = zone.submit(job_of(1, 8));
        zone.start_running(first);
        second = zone.submit(job_of(1, 8));
        zone.pass(limits::eta_after);
        zone.tell(Tick{});
    }
    Zone zone;
    JobId first;
    JobId second;
};

TEST_F(Eta, AJobThatWaitsIsToldWithinASecond) {
    const StartEstimate& eta = *zone.job(second)->eta;

    EXPECT_EQ(eta.given_at, zone.now);
    EXPECT_GE(eta.late, live_attempt(*zone.job(first))->deadline);
    EXPECT_LT(eta.late, live_attempt(*zone.job(first))->deadline + minutes(1));
    EXPECT_LE(eta.early, eta.late);
    EXPECT_EQ(times_told(zone), 1);
}

TEST_F(Eta, WhatWasSaidFirstStays) {
    const StartEstimate said = *zone.job(second)->eta;
    zone.pass(minutes(20));
    zone.tell(Tick{});

    EXPECT_EQ(*zone.job(second)->eta, said);
    EXPECT_EQ(times_told(zone), 1);
}

TEST_F(Eta, TheStartIsHeldAgainstIt) {
    zone.run_to_end(first, minutes(10));
    zone.round();

    EXPECT_EQ(zone.job(second)->eta->started_at, zone.now);
    const WaitCounts& counts = only_row(zone);
    EXPECT_EQ(counts.jobs, 2);  // the first waited 0 s and was told nothing
    EXPECT_EQ(counts.eta_given(), 1);
    EXPECT_EQ(counts.eta_sooner, zone.now < zone.job(second)->eta->early ? 1 : 0);
}

TEST_F(Eta, SurvivesARestart) {
    Machine again{ZoneId{"test"}};
    Truth truth = zone.machine.state().truth;
    again.load(std::move(truth));

    EXPECT_EQ(again.state().truth.waits, zone.machine.state().truth.waits);
    EXPECT_EQ(*again.state().truth.jobs.at(second).eta, *zone.job(second)->eta);
}

TEST(EtaOf, AJobThatStartsAtOnceIsNothing) {
    Zone zone(1);
    const JobId job = zone.submit(job_of(1, 8));
    zone.pass(seconds(5));
    zone.tell(Tick{});

    EXPECT_EQ(zone.job(job)->eta->late, Moment{0});
    EXPECT_EQ(times_told(zone), 0);
}

TEST(EtaOf, AJobThatTheSameTickEndsIsNotTold) {
    Zone zone(1);
    zone.submit(job_of(1, 8));
    JobSpec late = job_of(1, 8);
    late.when.edit().deadline = zone.now + hours(2) + seconds(1);
    const JobId job = zone.submit(late);
    zone.pass(seconds(2));
    zone.tell(Tick{});

    EXPECT_EQ(zone.job(job), nullptr);
    EXPECT_EQ(times_told(zone), 0);
}

TEST(EtaOf, AHeldJobIsToldOnlyWhenItIsReleased) {
    Zone zone(1);
    zone.start_running(zone.submit(job_of(1, 8)));
    JobSpec held = job_of(1, 8);
    held.held = true;
    const JobId job = zone.submit(held);
    zone.pass(seconds(5));
    zone.tell(Tick{});
    EXPECT_EQ(times_told(zone), 0);

    zone.tell(ReleaseJob{.who = testing::admin(), .job = job});
    zone.round();
    zone.pass(limits::eta_after);
    zone.tell(Tick{});

    EXPECT_EQ(times_told(zone), 1);
    EXPECT_NE(zone.job(job)->eta->late, Moment{0});
}

}  // namespace
}  // namespace khu
