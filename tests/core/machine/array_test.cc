#include <gtest/gtest.h>

#include "core/base/limits.h"
#include "core/machine/arrays.h"
#include "core/machine/machine.h"
#include "tests/core/machine/zone_builder.h"

/// \file
/// Arrays: one record, elements that become jobs when their turn comes, and what people do to both.

namespace khu {
namespace {

using testing::job_of;
using testing::member_of;
using testing::sao_mai;
using testing::song_han;
using testing::Zone;

JobSpec array_of(int first, int last, int running_max = 0, int gpus = 1) {
    JobSpec spec = job_of(1, gpus);
    spec.time_limit = minutes(30);
    spec.array =
        ArrayRules{.indices = {{.first = first, .last = last}}, .running_max = running_max};
    return spec;
}

std::vector<JobId> running(const Zone& zone) {
    std::vector<JobId> ids;
    for (const auto& [id, job] : zone.machine.state().truth.jobs) {
        if (live_attempt(job) != nullptr) {
            ids.push_back(id);
        }
    }
    return ids;
}

/// Runs whatever is placed to its end until nothing is.
void run_all(Zone& zone, AttemptResult result = {}) {
    for (std::vector<JobId> ids = running(zone); !ids.empty(); ids = running(zone)) {
        zone.run_to_end(ids.front(), seconds(1), result);
    }
}

const ArchiveJob* archive_of(const Zone& zone, JobId job) {
    for (const Effect& effect : zone.effects) {
        const auto* archive = std::get_if<ArchiveJob>(&effect);
        if (archive != nullptr && archive->job.id == job) {
            return archive;
        }
    }
    return nullptr;
}

TEST(Array, ElementsAreJobsOfTheirOwnAndTheArrayEndsWithTheLast) {
    Zone zone;
    const JobId array = zone.submit(array_of(1, 3));
    const JobId next = zone.submit(job_of(1, 1));

    EXPECT_EQ(next.value, array.value + 1 + 3 + 1);
    EXPECT_EQ(running(zone).size(), 4U);
    EXPECT_EQ(zone.job(element_id(array, 2))->spec.array->index, 2);
    run_all(zone);

    ASSERT_NE(archive_of(zone, array), nullptr);
    const auto& end = std::get<Finished>(archive_of(zone, array)->job.phase);
    EXPECT_EQ(end.cause, EndCause::Completed);
    EXPECT_EQ(*end.detail, "3 of 3 elements ended well");
    EXPECT_NE(archive_of(zone, element_id(array, 3)), nullptr);
    EXPECT_TRUE(zone.machine.state().truth.jobs.empty());
    EXPECT_TRUE(zone.machine.state().arrays_due.empty());
}

TEST(Array, NeverRunsMoreThanItsCap) {
    Zone zone;
    const JobId array = zone.submit(array_of(0, 9, 2));

    std::size_t ended = 0;
    for (std::vector<JobId> ids = running(zone); !ids.empty(); ids = running(zone)) {
        EXPECT_LE(ids.size(), 2U);
        EXPECT_LE(zone.job(array)->progress->live, 2);
        zone.run_to_end(ids.front(), seconds(1));
        ++ended;
    }

    EXPECT_EQ(ended, 10U);
    EXPECT_EQ(zone.job(array), nullptr);
}

TEST(Array, AHundredThousandElementsAreOneRecordUntilTheirTurn) {
    Zone zone;
    const JobId array = zone.submit(array_of(1, 100'000, 0, 8));

    EXPECT_EQ(running(zone).size(), 4U);
    EXPECT_EQ(zone.job(array)->progress->queued, limits::array_window);
    EXPECT_LE(zone.machine.state().truth.jobs.size(), 1U + 4U + limits::array_window);
    EXPECT_EQ(zone.job(array)->progress->waiting_count + zone.job(array)->progress->live, 100'000);

    zone.tell(CancelJob{member_of(sao_mai), array});

    EXPECT_EQ(zone.job(array)->progress->waiting_count, 0);
    EXPECT_EQ(zone.job(array)->progress->queued, 0);
    EXPECT_EQ(zone.job(array)->progress->live, 4);
}

TEST(Array, AnElementThatFailsFailsTheArrayAndWhatWaitsForIt) {
    Zone zone;
    const JobId array = zone.submit(array_of(1, 2));
    JobSpec after = job_of(1, 1);
    after.when.edit().after = {{.job = array, .on = After::Ok}};
    const JobId dependent = zone.submit(after);

    zone.run_to_end(element_id(array, 1), seconds(1), {.exit_code = 3});
    EXPECT_NE(zone.job(dependent), nullptr);
    zone.run_to_end(element_id(array, 2), seconds(1));

    EXPECT_EQ(std::get<Finished>(archive_of(zone, array)->job.phase).cause, EndCause::UserError);
    EXPECT_EQ(std::get<Finished>(archive_of(zone, array)->job.phase).exit_code, 3);
    EXPECT_EQ(std::get<Finished>(archive_of(zone, dependent)->job.phase).cause,
              EndCause::DependencyFailed);
}

TEST(Array, OneElementIsCancelledAloneWhetherItsTurnHasComeOrNot) {
    Zone zone;
    const JobId array = zone.submit(array_of(1, 200, 3));
    const JobId late = element_id(array, 150);
    ASSERT_EQ(zone.job(late), nullptr);

    EXPECT_FALSE(zone.tell(CancelJob{member_of(sao_mai), late}).refusal);
    EXPECT_EQ(zone.tell(CancelJob{member_of(song_han), element_id(array, 151)}).refusal->code,
              Code::UnknownJob);
    EXPECT_EQ(zone.tell(CancelJob{member_of(sao_mai), late}).refusal->code, Code::UnknownJob);
    EXPECT_EQ(zone.tell(CancelJob{member_of(sao_mai), element_id(array, 0)}).refusal->code,
              Code::UnknownJob);

    ASSERT_NE(archive_of(zone, late), nullptr);
    EXPECT_EQ(archive_of(zone, late)->job.spec.array->index, 150);
    EXPECT_EQ(zone.job(array)->progress->failed, 1);
    run_all(zone);
    EXPECT_EQ(*std::get<Finished>(archive_of(zone, array)->job.phase).detail,
              "199 of 200 elements ended well");
}

TEST(Array, HeldKeepsWhatWaitsAndReleasedGoesOn) {
    Zone zone;
    const JobId array = zone.submit(array_of(1, 8, 0, 8));
    EXPECT_EQ(running(zone).size(), 4U);

    zone.tell(HoldJob{member_of(sao_mai), array});
    run_all(zone);
    EXPECT_EQ(zone.job(array)->progress->ended, 4);
    zone.tell(ReleaseJob{member_of(sao_mai), array});
    zone.round();

    EXPECT_EQ(running(zone).size(), 4U);
    run_all(zone);
    EXPECT_EQ(zone.job(array), nullptr);
}

TEST(Array, WaitsAsAWholeForItsDependency) {
    Zone zone;
    const JobId first = zone.submit(job_of(1, 1));
    JobSpec spec = array_of(1, 5);
    spec.when.edit().after = {{.job = first, .on = After::Ok}};
    const JobId array = zone.submit(spec);

    EXPECT_EQ(zone.job(array)->progress->live, 0);
    zone.run_to_end(first, seconds(1));

    EXPECT_EQ(zone.job(array)->progress->live, 5);
    EXPECT_TRUE(zone.job(element_id(array, 1))->spec.when->after.empty());
}

TEST(Array, IndicesThatMakeNoSenseAreRefused) {
    Zone zone;
    const auto refused = [&](IndexRange range) {
        JobSpec spec = array_of(1, 1);
        spec.array.edit().indices = {range};
        const Outcome outcome =
            zone.tell(SubmitJob{.who = member_of(sao_mai), .spec = spec, .key = ""});
        return outcome.refusal.has_value();
    };

    EXPECT_TRUE(refused({.first = -1, .last = 3}));
    EXPECT_TRUE(refused({.first = 3, .last = 2}));
    EXPECT_TRUE(refused({.first = 0, .last = 100'001}));
    EXPECT_TRUE(refused({.first = 0, .last = 3, .step = 0}));
    EXPECT_FALSE(refused({.first = 0, .last = 100'000, .step = 1000}));
}

TEST(Array, AReplayAndALoadedSnapshotComeToTheSame) {
    Zone zone;
    const JobId array = zone.submit(array_of(0, 99, 3));
    zone.run_to_end(running(zone).front(), seconds(1));
    zone.tell(CancelJob{member_of(sao_mai), element_id(array, 50)});

    Machine again{ZoneId{"test"}};
    for (const Stamped& fact : zone.history) {
        again.replay(fact);
    }
    EXPECT_EQ(again.state().truth.jobs, zone.machine.state().truth.jobs);
    Machine loaded{ZoneId{"test"}};
    loaded.load(Truth(zone.machine.state().truth));
    EXPECT_EQ(loaded.state().truth.jobs, zone.machine.state().truth.jobs);
    EXPECT_EQ(loaded.state().arrays_due, zone.machine.state().arrays_due);
}

TEST(ArrayRulesText, IsWhatPeopleWrite) {
    ArrayRules rules{.indices = {{.first = 1, .last = 100}, {.first = 200, .last = 200}},
                     .running_max = 8};
    EXPECT_EQ(format_array(rules), "1-100,200%8");
    EXPECT_EQ(not_begun(rules).waiting_count, 101);
    EXPECT_EQ(first_waiting(not_begun(rules)), 1);
}

TEST(Array, ItsCapCanBeRaisedAndLowered) {
    Zone zone;
    const JobId array = zone.submit(array_of(0, 19, 4));
    ASSERT_EQ(running(zone).size(), 4U);

    zone.tell(UpdateJob{member_of(sao_mai), array, {.array_running_max = 6}});
    zone.round();
    EXPECT_EQ(running(zone).size(), 6U);
    EXPECT_EQ(zone.job(array)->spec.array->running_max, 6);

    zone.tell(UpdateJob{member_of(sao_mai), array, {.array_running_max = 2}});
    zone.round();
    EXPECT_EQ(running(zone).size(), 6U);  // What runs goes on.
    for (int i = 0; i < 4; ++i) {
        zone.run_to_end(running(zone).front(), seconds(1));
    }
    EXPECT_EQ(running(zone).size(), 2U);
    zone.run_to_end(running(zone).front(), seconds(1));
    EXPECT_EQ(running(zone).size(), 2U);

    zone.tell(UpdateJob{member_of(sao_mai), array, {.array_running_max = 0}});
    zone.round();
    EXPECT_EQ(running(zone).size(), 15U);
}

TEST(Array, ALoweredCapHoldsBackElementsThatWaitForResources) {
    Zone zone;
    const JobId other = zone.submit(job_of(4, 7));  // leaves four GPUs
    const JobId array = zone.submit(array_of(0, 9));
    const JobId alike = zone.submit(job_of(1, 1));
    ASSERT_EQ(running(zone).size(), 5U);
    ASSERT_EQ(zone.job(array)->progress->queued, 6);

    zone.tell(UpdateJob{member_of(sao_mai), array, {.array_running_max = 5}});
    zone.run_to_end(other, minutes(1));

    EXPECT_EQ(running(zone).size(), 6U);  // five elements, and the job behind them
    EXPECT_NE(live_attempt(*zone.job(alike)), nullptr);
    const auto why = zone.machine.state().scheduler.why(element_id(array, 9), zone.now);
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code, Code::ArrayFull);
}

TEST(Array, OnlyAnArrayHasACap) {
    Zone zone;
    const JobId job = zone.submit(job_of(1, 1));
    const Outcome told = zone.tell(UpdateJob{member_of(sao_mai), job, {.array_running_max = 2}});
    ASSERT_TRUE(told.refusal);
    EXPECT_EQ(told.refusal->code, Code::NotAnArray);
}

}  // namespace
}  // namespace khu
