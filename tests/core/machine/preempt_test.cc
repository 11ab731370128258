/// The idle class gives way to jobs that are charged: notice, grace, settlement, and the queue
/// again.

#include <gtest/gtest.h>

#include "core/base/limits.h"
#include "core/machine/advice.h"
#include "core/machine/machine.h"
#include "tests/core/machine/zone_books.h"

namespace khu {
namespace {

using testing::admin;
using testing::job_of;
using testing::member_of;
using testing::sao_mai;
using testing::small_policy;
using testing::song_han;
using testing::Zone;

constexpr Span kGrace = minutes(5);
constexpr Span kSure = minutes(20);

Policy idle_policy() {
    Policy policy = small_policy();
    policy.qos.push_back({.id = QosId{"nhan-roi"},
                          .factor_permille = 0,
                          .tier = 0,
                          .max_gpus_per_enterprise = 16,
                          .time_limit = hours(4),
                          .min_runtime = kSure,
                          .no_backfill_hold = true,
                          .needs_live_grant = true});
    for (Programme& programme : policy.programmes) {
        programme.qos.push_back(QosId{"nhan-roi"});
        programme.limits.max_gpus_running = 0;
    }
    policy.resources = {{.id = ResourceId{"eda-licence"}, .count = 1}};
    policy.preemption.order = {"nhan-roi"};
    policy.preemption.grace = kGrace;
    return policy;
}

JobSpec idle_job(int nodes, int gpus) {
    JobSpec spec = job_of(nodes, gpus);
    spec.qos = QosId{"nhan-roi"};
    spec.time_limit = hours(4);
    return spec;
}

/// Two nodes; an idle job on each runs, and is past the time that it was sure of.
class MachinePreempt : public ::testing::Test {
protected:
    MachinePreempt() : zone(idle_policy(), 2) {
        first = zone.submit(idle_job(1, 8));
        zone.start_running(first);
        zone.pass(minutes(10));
        hear_all();
        second = zone.submit(idle_job(1, 8));
        zone.start_running(second);
        zone.pass(kSure);
        hear_all();
    }

    void hear_all() {
        for (const auto& [id, record] : zone.machine.state().truth.nodes) {
            zone.tell(HearNode{id, record.epoch, 1});
        }
    }
    [[nodiscard]] const State& state() const { return zone.machine.state(); }
    [[nodiscard]] std::string phase(JobId job) const { return phase_name(zone.job(job)->phase); }
    [[nodiscard]] std::optional<Reason> why(JobId job) const {
        return state().scheduler.why(job, zone.now);
    }
    [[nodiscard]] std::vector<StopAttempt> stops() const {
        std::vector<StopAttempt> all;
        for (const Effect& effect : zone.effects) {
            const auto* send = std::get_if<SendToAgent>(&effect);
            if (send != nullptr && std::holds_alternative<StopAttempt>(send->message)) {
                all.push_back(std::get<StopAttempt>(send->message));
            }
        }
        return all;
    }

    Zone zone;
    JobId first, second;
};

TEST_F(MachinePreempt, FreeWorkSaysNothingOfTheJobsToCome) {
    EXPECT_TRUE(state().truth.mixes.empty());
}

/// The zone's only licence, for song_han in that window.
BookCounted booked_licence(const std::string& name, Window window) {
    return {.who = admin(),
            .what = {.id = name,
                     .enterprise = song_han,
                     .what = {{ResourceId{"eda-licence"}, 1}},
                     .window = window,
                     .by = {}}};
}

/// A job of one whole node for two hours, with the licence.
JobSpec licensed_job() {
    JobSpec spec = job_of(1, 8);
    spec.counted = CountedWishes{{{ResourceId{"eda-licence"}, 1}}};
    return spec;
}

TEST_F(MachinePreempt, NobodyIsToldForAJobThatLacksALicence) {
    const Window window{zone.now, zone.now + hours(10)};
    ASSERT_FALSE(zone.tell(booked_licence("theirs", window)).refusal);
    const JobId paying = zone.submit(licensed_job());
    EXPECT_EQ(why(paying)->code, Code::CountedSetAside);
    EXPECT_TRUE(stops().empty());

    ASSERT_FALSE(zone.tell(CancelReservation{admin(), "theirs"}).refusal);
    zone.round();
    EXPECT_EQ(why(paying)->code, Code::PlacePromised);
    ASSERT_EQ(stops().size(), 1U);
    const JobId another = zone.submit(licensed_job(), song_han);
    EXPECT_EQ(why(another)->code, Code::CountedInUse) << "the promised job has it";
    EXPECT_EQ(stops().size(), 1U);
    const Window soon{zone.now + hours(2), zone.now + hours(3)};
    EXPECT_TRUE(zone.tell(booked_licence("late", soon)).refusal) << "it may still run then";

    State asked(ZoneId{"test"});
    asked.truth = state().truth;
    restore(asked, zone.now);
    const Advice advice = advise(asked, *asked.find_job(another), zone.now);
    ASSERT_FALSE(advice.blockers.empty());
    EXPECT_EQ(advice.blockers.front().code, Code::CountedInUse);
    EXPECT_TRUE(advice.changes.empty()) << "no smaller one starts without a licence";
}

TEST_F(MachinePreempt, NobodyIsToldForALicenceThatIsBookedBeforeTheJobCouldEnd) {
    const Window window{zone.now + hours(2), zone.now + hours(10)};
    ASSERT_FALSE(zone.tell(booked_licence("theirs", window)).refusal);
    zone.submit(licensed_job());
    EXPECT_TRUE(stops().empty()) << "it would start when their time of grace is over";
    JobSpec shorter = licensed_job();
    shorter.time_limit = hours(1);
    const JobId in_time = zone.submit(shorter);
    EXPECT_EQ(why(in_time)->code, Code::PlacePromised);
    EXPECT_EQ(stops().size(), 1U);
}

TEST_F(MachinePreempt, TheYoungestIsToldOnceWithItsGraceAndThePayingJobStartsInItsPlace) {
    const JobId paying = zone.submit(job_of(1, 8), song_han);

    EXPECT_EQ(phase(first), "running");
    ASSERT_EQ(phase(second), "ending");
    const auto& ending = std::get<Ending>(zone.job(second)->phase);
    EXPECT_EQ(ending.cause, EndCause::Preempted);
    EXPECT_EQ(ending.stop_by, zone.now + kGrace);
    ASSERT_EQ(stops().size(), 1U);
    EXPECT_EQ(stops()[0].grace, kGrace);
    EXPECT_EQ(stops()[0].reason, "gives way to job " + std::to_string(paying.value));
    EXPECT_EQ(why(paying)->code, Code::PlacePromised);

    zone.pass(minutes(2));
    hear_all();
    ASSERT_EQ(stops().size(), 2U) << "said again at the heartbeat";
    EXPECT_EQ(stops()[1].grace, kGrace - minutes(2)) << "what is left of it";

    testing::end_everywhere(zone, second, NodeEnd::Asked);
    EXPECT_EQ(phase(paying), "starting");
    EXPECT_EQ(phase(second), "queued");
    EXPECT_EQ(zone.job(second)->gave_way->to, paying);
    EXPECT_EQ(zone.job(second)->gave_way->times, 1);
    EXPECT_TRUE(state().truth.promises.empty());
}

TEST_F(MachinePreempt, GivingWayCostsNothingAndIsMetered) {
    zone.submit(job_of(1, 8), song_han);
    zone.pass(minutes(1));
    testing::end_everywhere(zone, second, NodeEnd::Asked);

    const std::vector<UsageRow> rows = testing::rows_of(zone, second);
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].end_cause, "preempted");
    EXPECT_EQ(rows[0].charged_ugs, Atoms{0});
    EXPECT_EQ(rows[0].waived_ugs, Atoms{0});
    EXPECT_EQ(rows[0].metered_ugs, Atoms{8LL * 1'000'000 * (21 * 60)});
    EXPECT_EQ(zone.grant("G1").spent, Atoms{0});
}

TEST_F(MachinePreempt, WhoGaveWayKeepsItsPlaceByAge) {
    const JobId later = zone.submit(idle_job(1, 8));
    const JobId paying = zone.submit(job_of(1, 8), song_han);
    testing::end_everywhere(zone, second, NodeEnd::Asked);
    zone.start_running(paying);
    zone.pass(minutes(30));
    hear_all();

    testing::end_everywhere(zone, paying, NodeEnd::Itself);

    EXPECT_EQ(phase(second), "starting");
    EXPECT_EQ(live_attempt(*zone.job(second))->number, AttemptNumber{2});
    EXPECT_EQ(phase(later), "queued");
}

TEST_F(MachinePreempt, WhatHadEndedBeforeItHeardIsNotRunAgain) {
    zone.submit(job_of(1, 8), song_han);

    testing::end_everywhere(zone, second, NodeEnd::Itself);

    EXPECT_EQ(zone.job(second), nullptr) << "completed";
    EXPECT_EQ(testing::rows_of(zone, second).back().end_cause, "completed");
}

TEST_F(MachinePreempt, ACancelDuringTheGraceEndsTheJob) {
    zone.submit(job_of(1, 8), song_han);
    zone.tell(CancelJob{.who = member_of(sao_mai), .job = second});

    testing::end_everywhere(zone, second, NodeEnd::Asked);

    EXPECT_EQ(zone.job(second), nullptr);
    EXPECT_EQ(testing::rows_of(zone, second).back().end_cause, "preempted");
}

TEST_F(MachinePreempt, ASnapshotInTheGraceKeepsThePromise) {
    const JobId paying = zone.submit(job_of(1, 8), song_han);
    Machine other(ZoneId{"test"});
    other.load(state().truth);

    ASSERT_NE(other.state().scheduler.clearings().find(paying), nullptr);
    EXPECT_EQ(*other.state().scheduler.clearings().find(paying),
              *state().scheduler.clearings().find(paying));
    EXPECT_TRUE(other.state().scheduler.clearings().is_leaving(second));
    EXPECT_EQ(other.state().scheduler.running().find(second)->deadline, zone.now + kGrace);
    EXPECT_TRUE(other.handle(RunRound{}, zone.now).facts.empty());
}

TEST_F(MachinePreempt, APromisedJobThatIsHeldOrCancelledGivesItsPlaceUp) {
    const JobId held = zone.submit(job_of(1, 8), song_han);
    zone.tell(HoldJob{.who = member_of(song_han), .job = held});
    EXPECT_TRUE(state().truth.promises.empty());
    EXPECT_EQ(state().scheduler.clearings().find(held), nullptr);

    const JobId cancelled = zone.submit(job_of(1, 8), song_han);
    ASSERT_EQ(state().truth.promises.size(), 1U);
    EXPECT_EQ(phase(first), "running") << "what leaves already is enough";
    zone.tell(CancelJob{.who = member_of(song_han), .job = cancelled});
    EXPECT_TRUE(state().truth.promises.empty());
}

TEST_F(MachinePreempt, TheHoursOfAPromisedJobAreKeptForIt) {
    JobSpec large = job_of(1, 8);
    large.time_limit = hours(10);  // 80 of 100 hours
    const JobId promised = zone.submit(large);
    ASSERT_EQ(why(promised)->code, Code::PlacePromised);
    zone.join(3);
    EXPECT_EQ(phase(promised), "starting") << "a new node is sooner than the grace";
    JobSpec also = job_of(1, 4);
    also.time_limit = hours(8);
    const JobId poor = zone.submit(also);
    EXPECT_EQ(why(poor)->code, Code::HoldDoesNotFit);
}

TEST_F(MachinePreempt, AnotherJobOfTheEnterpriseCannotUseUpThePromisedHours) {
    JobSpec large = job_of(1, 8);
    large.time_limit = hours(10);  // 80 of 100 hours
    const JobId promised = zone.submit(large);
    ASSERT_EQ(why(promised)->code, Code::PlacePromised);
    JobSpec also = job_of(1, 4);
    also.time_limit = hours(8);  // 32 hours

    const JobId poor = zone.submit(also);

    EXPECT_EQ(why(poor)->code, Code::HoldDoesNotFit);
    EXPECT_EQ(phase(first), "running");
}

TEST_F(MachinePreempt, AGraceThatHasBegunStaysAsItIs) {
    const JobId paying = zone.submit(job_of(1, 8), song_han);
    const Moment by = zone.now + kGrace;
    Policy next = idle_policy();
    next.preemption.grace = minutes(1);
    testing::apply_next(zone, next);

    EXPECT_EQ(std::get<Ending>(zone.job(second)->phase).stop_by, by);
    EXPECT_EQ(state().scheduler.clearings().find(paying)->by, by);
    const JobId next_job = zone.submit(job_of(1, 8), song_han);
    EXPECT_EQ(std::get<Ending>(zone.job(first)->phase).stop_by, zone.now + minutes(1));
    EXPECT_EQ(state().scheduler.clearings().find(next_job)->by, zone.now + minutes(1));
}

TEST_F(MachinePreempt, WithoutPreemptionInThePolicyNothingIsTold) {
    Policy next = idle_policy();
    next.preemption.order = {};
    testing::apply_next(zone, next);

    zone.submit(job_of(1, 8), song_han);

    EXPECT_TRUE(stops().empty());
}

TEST_F(MachinePreempt, WhatRunsOfARemovedClassEndsByItselfAndWhatWaitsSaysWhy) {
    const JobId waits = zone.submit(idle_job(1, 8));
    Policy next = small_policy();
    testing::apply_next(zone, next);

    const JobId paying = zone.submit(job_of(1, 8), song_han);
    EXPECT_TRUE(stops().empty()) << "nothing gives way under the new policy";
    testing::end_everywhere(zone, first, NodeEnd::Itself);
    EXPECT_EQ(testing::rows_of(zone, first).back().charged_ugs, Atoms{0})
        << "the terms of its start";
    EXPECT_EQ(phase(paying), "starting");
    ASSERT_EQ(phase(waits), "queued");
    ASSERT_TRUE(why(waits).has_value());
    EXPECT_EQ(why(waits)->code, Code::UnknownName);
    EXPECT_EQ(advise(zone.machine.borrow(), *zone.job(waits), zone.now).blockers.front().code,
              Code::UnknownName);
}

TEST_F(MachinePreempt, TheEnterpriseLimitOfTheQosHoldsAcrossProgrammes) {
    zone.join(3);
    const JobId third = zone.submit(idle_job(1, 8));

    ASSERT_EQ(phase(third), "queued") << "two of eight run, the limit is 16";
    EXPECT_EQ(why(third)->code, Code::QosLimit);
    const Outcome wide =
        zone.tell(SubmitJob{.who = member_of(sao_mai), .spec = idle_job(3, 8), .key = ""});
    ASSERT_TRUE(wide.refusal.has_value());
    EXPECT_EQ(wide.refusal->code, Code::OverLimit);

    testing::end_everywhere(zone, first, NodeEnd::Itself);
    EXPECT_EQ(phase(third), "starting");
}

TEST_F(MachinePreempt, AVictimNearItsOwnLimitHasOnlyThat) {
    zone.pass(hours(4) - kSure - minutes(2) - minutes(10));
    hear_all();
    zone.tell(Tick{});
    ASSERT_EQ(phase(first), "running");

    JobSpec wide = job_of(2, 8);
    zone.submit(wide, song_han);

    const Moment limit = live_attempt(*zone.job(first))->deadline;
    EXPECT_LT(limit, zone.now + kGrace);
    EXPECT_EQ(std::get<Ending>(zone.job(first)->phase).stop_by, limit);
}

// --- --or-idle ----------------------------------------------------------------------

/// One node; a grant of 100 hours.
class MachineOrIdle : public MachinePreempt {
protected:
    MachineOrIdle() {
        testing::end_everywhere(zone, first, NodeEnd::Itself);
        testing::end_everywhere(zone, second, NodeEnd::Itself);
    }
    JobId submit(Span limit, bool or_idle = true, const EnterpriseId& owner = sao_mai) {
        JobSpec spec = job_of(1, 8);
        spec.time_limit = limit;
        spec.or_idle = or_idle;
        const JobId job = zone.submit(spec, owner);
        zone.round();
        zone.round();
        return job;
    }
};

TEST_F(MachineOrIdle, RunsFreeWhileItsHoursDoNotFit) {
    const JobId rich = submit(hours(10), false);  // holds 80 of 100 hours
    ASSERT_EQ(phase(rich), "starting");

    const JobId poor = submit(hours(4));

    ASSERT_EQ(phase(poor), "starting");
    EXPECT_EQ(zone.job(poor)->spec.qos, QosId{"nhan-roi"});
    EXPECT_EQ(zone.job(poor)->asked_qos, QosId{"thuong"});
    EXPECT_NE(live_attempt(*zone.job(poor))->yields_at, kNever);
    EXPECT_EQ(zone.grant("G1").held, gpu_hours(80));
}

TEST_F(MachineOrIdle, UsesItsHoursIfTheyFit) {
    const JobId job = submit(hours(4));

    EXPECT_EQ(zone.job(job)->spec.qos, QosId{"thuong"});
    EXPECT_EQ(zone.grant("G1").held, gpu_hours(32));
}

TEST_F(MachineOrIdle, WithoutTheWordOrTooLongForTheClassItWaitsForHours) {
    submit(hours(10), false);
    const JobId silent = submit(hours(4), false);
    const JobId longer = submit(hours(6));

    EXPECT_EQ(why(silent)->code, Code::HoldDoesNotFit);
    EXPECT_EQ(why(longer)->code, Code::HoldDoesNotFit);
    EXPECT_EQ(zone.job(longer)->spec.qos, QosId{"thuong"});
}

TEST_F(MachineOrIdle, GoesBackToItsOwnQosWhenHoursComeBack) {
    const JobId rich = submit(hours(10), false);
    submit(hours(2), false, song_han);  // the other node
    const JobId poor = submit(hours(4));
    ASSERT_EQ(zone.job(poor)->spec.qos, QosId{"nhan-roi"});
    ASSERT_EQ(phase(poor), "queued");

    zone.start_running(rich);
    testing::end_everywhere(zone, rich, NodeEnd::Itself);
    zone.round();
    zone.round();

    EXPECT_EQ(zone.job(poor)->spec.qos, QosId{"thuong"});
    EXPECT_TRUE(zone.job(poor)->asked_qos.empty());
    EXPECT_EQ(phase(poor), "starting");
    EXPECT_EQ(zone.grant("G1").held, gpu_hours(32));
}

TEST(OrIdle, StaysInTheIdleClassWhileNothingIsLentToItsOwnQos) {
    Policy policy = idle_policy();
    policy.borrowing = {{.partition = PartitionId{"gpu"}, .rules = {}}};
    for (const Programme& programme : policy.programmes) {
        policy.borrowing[0].rules.push_back({.programme = programme.id, .nominal_gpus = 8});
    }
    Zone zone(policy, 2);
    JobSpec spec = job_of(1, 8);
    spec.time_limit = hours(10);
    zone.submit(spec);  // 80 of 100 hours, and all GPUs that its programme has
    const JobId other = zone.submit(job_of(1, 8), song_han);
    spec.time_limit = hours(4);
    spec.or_idle = true;
    const JobId poor = zone.submit(spec);
    ASSERT_EQ(zone.job(poor)->spec.qos, QosId{"nhan-roi"});

    const GrantOffer more{.id = GrantId{"G9"},
                          .enterprise = sao_mai,
                          .programme = zone.job(poor)->spec.programme,
                          .amount = gpu_hours(100),
                          .from = zone.now,
                          .to = zone.now + days(30),
                          .decision_ref = "2/QD"};
    ASSERT_FALSE(zone.tell(ApproveGrants{.who = admin(), .offers = {more}}).refusal);
    zone.round();
    EXPECT_EQ(zone.job(poor)->spec.qos, QosId{"nhan-roi"});

    zone.start_running(other);
    testing::end_everywhere(zone, other, NodeEnd::Itself);
    zone.round();
    EXPECT_NE(live_attempt(*zone.job(poor)), nullptr);
}

TEST_F(MachineOrIdle, AfterGivingWayItAsksForHoursFirst) {
    const JobId rich = submit(hours(10), false);
    const JobId poor = submit(hours(4));
    ASSERT_EQ(zone.job(poor)->spec.qos, QosId{"nhan-roi"});
    zone.start_running(poor);
    zone.pass(kSure);
    hear_all();
    const JobId other = submit(hours(2), false, song_han);
    ASSERT_EQ(phase(poor), "ending");

    testing::end_everywhere(zone, poor, NodeEnd::Asked);

    EXPECT_EQ(phase(other), "starting");
    EXPECT_EQ(testing::rows_of(zone, poor).back().qos, QosId{"nhan-roi"});
    EXPECT_EQ(testing::rows_of(zone, poor).back().charged_ugs, Atoms{0});
    zone.start_running(rich);
    testing::end_everywhere(zone, rich, NodeEnd::Itself);
    zone.round();
    zone.round();
    EXPECT_EQ(zone.job(poor)->spec.qos, QosId{"thuong"});
    EXPECT_EQ(phase(poor), "starting");
}

TEST_F(MachineOrIdle, AJobForWhichOthersGaveWayNeverGivesWayItself) {
    zone.submit(idle_job(1, 8), song_han);
    zone.submit(idle_job(1, 8), song_han);
    zone.pass(kSure);
    hear_all();
    const JobId winner = submit(hours(4));
    ASSERT_EQ(why(winner)->code, Code::PlacePromised);
    zone.tell(HoldJob{.who = member_of(sao_mai), .job = winner});
    submit(hours(10), false);
    zone.tell(ReleaseJob{.who = member_of(sao_mai), .job = winner});
    zone.round();
    zone.round();

    EXPECT_EQ(zone.job(winner)->spec.qos, QosId{"thuong"});
    EXPECT_EQ(why(winner)->code, Code::HoldDoesNotFit);
}

}  // namespace
}  // namespace khu
