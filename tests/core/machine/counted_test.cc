/// Counted resources: given whole to those who name them, never more than there are, kept for the
/// first in line, set aside for those who booked them.

#include <gtest/gtest.h>

#include <algorithm>

#include "core/machine/advice.h"
#include "core/machine/eta.h"
#include "tests/core/machine/counted_zone.h"

namespace khu {
namespace {

using testing::apply_next;
using testing::bench;
using testing::code_of;
using testing::counted_policy;
using testing::eda;
using testing::ends;
using testing::go;
using testing::job_of;
using testing::member_of;
using testing::runs;
using testing::sao_mai;
using testing::song_han;
using testing::submit;
using testing::used;
using testing::with;
using testing::Zone;

Code refused(Zone& zone, const JobSpec& spec) {
    const Outcome outcome =
        zone.tell(SubmitJob{.who = member_of(sao_mai), .spec = spec, .key = ""});
    EXPECT_TRUE(outcome.refusal);
    return outcome.refusal ? outcome.refusal->code : Code{};
}

TEST(Counted, TheThirdOfTwoWaitsWithItsReasonAndStartsWhenOneEnds) {
    Zone zone(counted_policy());
    const JobId first = submit(zone, with(eda, 1));
    const JobId second = submit(zone, with(eda, 1, hours(3)), song_han);
    const JobId third = submit(zone, with(eda, 1));
    const JobId other = submit(zone, job_of(1, 1));

    EXPECT_TRUE(runs(zone, first) && runs(zone, second) && runs(zone, other));
    EXPECT_FALSE(runs(zone, third));
    const auto why = zone.machine.state().scheduler.why(third, zone.now);
    ASSERT_TRUE(why);
    EXPECT_TRUE(text(*why, Language::English)
                    .starts_with("2 of 2 eda-licence are in use by 2 jobs, and this job needs 1; "
                                 "enough are back by "));
    EXPECT_NE(text(*why, Language::Vietnamese).find("2 tác vụ đang dùng 2 trên 2 eda-licence"),
              std::string::npos);
    EXPECT_EQ(why->data.back(), (Datum{"expected_at", (zone.now + hours(2)).value}));

    ends(zone, first);
    EXPECT_TRUE(runs(zone, third));
    EXPECT_EQ(used(zone, eda), 2);
}

TEST(Counted, AJobHasAllThatItNamesOrDoesNotStart) {
    Zone zone(counted_policy(3, 1));
    JobSpec both = with(eda, 2);
    both.counted.edit().all.push_back({bench, 1});
    submit(zone, with(bench, 1));
    const JobId waits = submit(zone, both);

    EXPECT_FALSE(runs(zone, waits));
    EXPECT_EQ(used(zone, eda), 0);
    const auto why = zone.machine.state().scheduler.why(waits, zone.now);
    ASSERT_TRUE(why);
    EXPECT_EQ(why->data.front(), (Datum{"resource", bench.value.str()}));
}

TEST(Counted, AJobThatWaitsMayAskForLess) {
    Zone zone(counted_policy(2));
    const JobId first = submit(zone, with(eda, 1));
    const JobId waits = submit(zone, with(eda, 2));
    const auto change = [&](JobId job, std::vector<CountedWish> wishes) {
        JobChange asked;
        asked.resources = std::move(wishes);
        const Outcome outcome =
            zone.tell(UpdateJob{.who = member_of(sao_mai), .job = job, .change = asked});
        zone.round();
        return outcome;
    };
    ASSERT_TRUE(runs(zone, first));
    EXPECT_FALSE(runs(zone, waits));
    EXPECT_EQ(change(waits, {{eda, 3}}).refusal->code, Code::OverLimit);
    EXPECT_EQ(change(waits, {{eda, 0}}).refusal->code, Code::AbsurdRequest);

    EXPECT_FALSE(change(waits, {{eda, 1}, {bench, 1}}).refusal);

    EXPECT_TRUE(runs(zone, waits));
    EXPECT_EQ(zone.job(waits)->spec.counted->all, (std::vector<CountedWish>{{bench, 1}, {eda, 1}}))
        << "in the order of all jobs";
    EXPECT_EQ(used(zone, eda), 2);
    EXPECT_EQ(used(zone, bench), 1);
    EXPECT_EQ(change(waits, {}).refusal->code, Code::FixedOnceStarted) << "it runs";
    const JobId third = submit(zone, with(eda, 1));
    EXPECT_FALSE(runs(zone, third));
    EXPECT_FALSE(change(third, {}).refusal);
    EXPECT_TRUE(runs(zone, third)) << "it asks for none any more";
    EXPECT_EQ(used(zone, eda), 2);
}

TEST(Counted, TwoOfOneRoundAreCounted) {
    Zone zone(counted_policy(3), 0);
    std::vector<JobId> jobs;
    for (int n = 0; n < 3; ++n) {
        jobs.push_back(submit(zone, with(eda, 2), n == 1 ? song_han : sao_mai));
    }
    zone.join(1);
    zone.join(2);
    zone.round();
    EXPECT_EQ(std::ranges::count_if(jobs, [&](JobId id) { return runs(zone, id); }), 1);
    EXPECT_EQ(used(zone, eda), 2);
}

TEST(Counted, RefusedIsWhatCouldNeverRun) {
    Policy policy = counted_policy();
    policy.resources.front().max_per_enterprise = 1;
    policy.resources.back().programmes = {ProgrammeId{"half"}};
    Zone zone(policy);
    EXPECT_EQ(refused(zone, with(eda, 2)), Code::OverLimit);
    EXPECT_EQ(refused(zone, with(bench, 1)), Code::NotOpen);
    EXPECT_EQ(refused(zone, with(eda, 0)), Code::AbsurdRequest);
    EXPECT_EQ(refused(zone, with(ResourceId{"eda-license"}, 1)), Code::UnknownName);
    submit(zone, with(bench, 1), song_han);
}

TEST(Counted, NamedTwiceIsAskedForTogether) {
    Zone zone(counted_policy());
    JobSpec spec = with(eda, 1);
    spec.counted.edit().all.push_back({eda, 1});
    const JobId job = submit(zone, spec);
    EXPECT_EQ(used(zone, eda), 2);
    EXPECT_EQ(zone.job(job)->spec.counted->all, (std::vector<CountedWish>{{eda, 2}}));
}

TEST(Counted, AnEnterpriseMayUseSoManyAtATime) {
    Policy policy = counted_policy(3);
    policy.resources.front().max_per_enterprise = 1;
    Zone zone(policy);
    const JobId first = submit(zone, with(eda, 1));
    const JobId second = submit(zone, with(eda, 1));
    const JobId of_other = submit(zone, with(eda, 1), song_han);
    EXPECT_TRUE(runs(zone, first) && runs(zone, of_other));
    EXPECT_EQ(code_of(zone, second), "A160");
    EXPECT_TRUE(firsts_in_line(zone.machine.state()).empty());
    ends(zone, first);
    EXPECT_TRUE(runs(zone, second));
}

TEST(Counted, OfWhatAnEnterpriseMayUseSomeIsKeptForItsFirst) {
    Policy policy = counted_policy(5);
    policy.resources.front().max_per_enterprise = 2;
    Zone zone(policy);
    const JobId running = submit(zone, with(eda, 1, hours(2)));
    const JobId large = submit(zone, with(eda, 2, hours(1)));
    const JobId late = submit(zone, with(eda, 1, hours(3)));
    EXPECT_EQ(code_of(zone, large), "A160");
    EXPECT_EQ(code_of(zone, late), "A162");
    const JobId in_time = submit(zone, with(eda, 1, hours(2)));
    const JobId of_other = submit(zone, with(eda, 2, hours(9)), song_han);
    EXPECT_TRUE(runs(zone, in_time) && runs(zone, of_other));
    ends(zone, in_time);
    EXPECT_FALSE(runs(zone, late)) << "small ones would keep the large one waiting for ever";
    ends(zone, running);
    EXPECT_TRUE(runs(zone, large));
    ends(zone, large);
    EXPECT_TRUE(runs(zone, late));
}

TEST(Counted, EveryElementOfAnArrayNeedsItsOwn) {
    Zone zone(counted_policy());
    JobSpec spec = with(eda, 1);
    spec.array = ArrayRules{.indices = {{.first = 1, .last = 4}}};
    submit(zone, spec);
    zone.round();
    EXPECT_EQ(used(zone, eda), 2);
}

TEST(Counted, TheFirstInLineIsNotKeptWaitingByThoseBehindIt) {
    Zone zone(counted_policy());
    const JobId running = submit(zone, with(eda, 1, hours(2)));
    const JobId large = submit(zone, with(eda, 2, hours(1)));
    const JobId late = submit(zone, with(eda, 1, hours(3)), song_han);
    EXPECT_EQ(code_of(zone, large), "A159");
    EXPECT_EQ(code_of(zone, late), "A162");
    const JobId in_time = submit(zone, with(eda, 1, hours(2)), song_han);
    EXPECT_TRUE(runs(zone, in_time)) << "it ends when the other one does";
    EXPECT_EQ(firsts_in_line(zone.machine.state()).at(eda), large);

    ends(zone, in_time);
    EXPECT_FALSE(runs(zone, late));
    ends(zone, running);
    EXPECT_TRUE(runs(zone, large));
    ends(zone, large);
    EXPECT_TRUE(runs(zone, late));
}

TEST(Counted, NothingIsKeptForOneThatIsGone) {
    Zone zone(counted_policy());
    submit(zone, with(eda, 1, hours(2)));
    const JobId large = submit(zone, with(eda, 2, hours(1)));
    const JobId late = submit(zone, with(eda, 1, hours(3)), song_han);
    ASSERT_EQ(code_of(zone, late), "A162");
    ASSERT_FALSE(zone.tell(CancelJob{member_of(sao_mai), large}).refusal);
    zone.round();
    EXPECT_TRUE(runs(zone, late));
}

TEST(Counted, NothingIsKeptForOneThatWaitsForItsHoursNow) {
    Zone zone(counted_policy());
    submit(zone, with(eda, 1, hours(2)));
    const JobId large = submit(zone, with(eda, 2, hours(1)));
    const JobId late = submit(zone, with(eda, 1, hours(3)), song_han);
    ASSERT_EQ(code_of(zone, late), "A162");
    Policy next = *zone.machine.state().truth.policy;
    next.programmes.front().limits.max_gpus_running = 1;
    apply_next(zone, next);
    zone.round();
    EXPECT_EQ(code_of(zone, large), "A116");
    EXPECT_TRUE(runs(zone, late));
}

TEST(Counted, ARoundThatStartsNothingLooksAgainAtThoseBehindOneThatIsNotKeptForAnyMore) {
    Zone zone(counted_policy());
    submit(zone, with(eda, 1, hours(2)), song_han);
    const JobId large = submit(zone, with(eda, 2, hours(1)));
    const JobId late = submit(zone, with(eda, 1, hours(3)), song_han);
    ASSERT_EQ(code_of(zone, late), "A162");
    ASSERT_FALSE(zone.tell(ChangeGrant{testing::admin(), GrantId{"G1"}, GrantVerb::Suspend, "late"})
                     .refusal);
    zone.round();  // the one that khud would run
    EXPECT_TRUE(runs(zone, late));
    zone.round();
    EXPECT_EQ(code_of(zone, large), "A113");
}

TEST(Counted, ALoweredCountTakesNothingFromThoseWhoRun) {
    Zone zone(counted_policy());
    const JobId first = submit(zone, with(eda, 1));
    const JobId second = submit(zone, with(eda, 1));
    Policy next = *zone.machine.state().truth.policy;
    next.resources.front().count = 1;
    const std::vector<Complaint> said =
        review(next, review_context(zone.machine.state(), zone.now));
    EXPECT_TRUE(std::ranges::any_of(said, [](const Complaint& each) {
        return each.code == "P076" && each.path == "resources.eda-licence.count" &&
               each.severity == Severity::Warning;
    }));
    apply_next(zone, next);
    const JobId third = submit(zone, with(eda, 1));
    EXPECT_TRUE(runs(zone, first) && runs(zone, second));
    ends(zone, first);
    EXPECT_FALSE(runs(zone, third));
    ends(zone, second);
    EXPECT_TRUE(runs(zone, third));
}

TEST(Counted, AResourceThatThePolicyHasNoMoreIsNamedToThoseWhoWait) {
    Zone zone(counted_policy());
    submit(zone, with(eda, 2));
    const JobId waits = submit(zone, with(eda, 1));
    Policy next = *zone.machine.state().truth.policy;
    next.resources.clear();
    apply_next(zone, next);
    EXPECT_EQ(code_of(zone, waits), "A133");
}

TEST(Counted, ARestartCountsTheSame) {
    Zone zone(counted_policy());
    submit(zone, with(eda, 2));
    const JobId waits = submit(zone, with(eda, 1));
    State again(ZoneId{"test"});
    again.truth = zone.machine.state().truth;
    restore(again, zone.now);
    EXPECT_EQ(again.counted_use, zone.machine.state().counted_use);
    EXPECT_EQ(counted_in_use(again, eda), 2);
    zone.round();
    EXPECT_EQ(code_of(zone, waits), "A159");
}

TEST(Counted, AnAttemptWhoseNodeIsLostGivesThemBack) {
    Zone zone(counted_policy(1));
    const JobId first = submit(zone, with(eda, 1));
    const JobId second = submit(zone, with(eda, 1), song_han);
    testing::end_everywhere(zone, first, NodeEnd::Lost);
    zone.round();
    EXPECT_TRUE(runs(zone, second));
    EXPECT_EQ(used(zone, eda), 1);
    ends(zone, second);
    ASSERT_NE(zone.job(first), nullptr) << "it is in the queue again";
    go(zone, zone.now + minutes(10));
    zone.round();
    ASSERT_TRUE(runs(zone, first));
    EXPECT_EQ(used(zone, eda), 1);
    ends(zone, first);
    EXPECT_EQ(used(zone, eda), 0);
}

TEST(Counted, AdviceNamesItAmongTheBlockersAndTheEtaKnowsIt) {
    Zone zone(counted_policy());
    submit(zone, with(eda, 2, hours(5)));
    const JobId waits = submit(zone, with(eda, 1));
    State state(ZoneId{"test"});
    state.truth = zone.machine.state().truth;
    restore(state, zone.now);
    const Advice advice = advise(state, *state.find_job(waits), zone.now);
    ASSERT_EQ(advice.blockers.size(), 1U);
    EXPECT_EQ(advice.blockers.front().code, Code::CountedInUse);
    EXPECT_TRUE(advice.changes.empty());
    const std::optional<JobEta> eta = eta_of(state, *state.find_job(waits), zone.now);
    ASSERT_TRUE(eta);
    EXPECT_GE(eta->late, zone.now + hours(5));
}

// --- With nodes that are short too ---------------------------------------------------------------

/// When the job starts at the latest; none if it was promised nothing.
std::optional<Moment> promised_start(const Zone& zone, JobId job) {
    for (const auto& [key, promise] : zone.machine.state().scheduler.memo().reservations()) {
        if (promise.job == job) {
            return promise.at;
        }
    }
    return std::nullopt;
}

JobSpec wide(int nodes, int gpus, Span limit, int licences = 0) {
    JobSpec spec = job_of(nodes, gpus);
    spec.time_limit = limit;
    if (licences > 0) {
        spec.counted = CountedWishes{{{eda, licences}}};
    }
    return spec;
}

TEST(CountedAndNodes, ItKeepsThePromiseOfItsNodesWhileAnotherHasTheLicence) {
    Zone zone(counted_policy(1), 2);
    const Moment start = zone.now;
    const JobId first = submit(zone, wide(1, 7, hours(2)));
    const JobId second = submit(zone, wide(1, 8, hours(4)));
    const JobId waits = submit(zone, wide(2, 8, hours(1), 1));
    ASSERT_EQ(promised_start(zone, waits), start + hours(4));
    const JobId in_time = submit(zone, wide(1, 1, hours(3), 1));
    ASSERT_TRUE(runs(zone, in_time)) << "it gives the licence back before that";

    zone.pass(hours(2));
    ends(zone, first);
    EXPECT_EQ(code_of(zone, waits), "A159");
    EXPECT_EQ(promised_start(zone, waits), start + hours(4));
    const JobId longer = submit(zone, wide(1, 7, hours(10)));
    EXPECT_FALSE(runs(zone, longer)) << "or it would wait for ever, for the one and the other";
    const JobId shorter = submit(zone, wide(1, 7, hours(2)));
    EXPECT_TRUE(runs(zone, shorter));

    zone.pass(hours(1));
    ends(zone, in_time);
    EXPECT_EQ(promised_start(zone, waits), start + hours(4));
    const JobId again = submit(zone, wide(1, 1, hours(1), 1));
    EXPECT_TRUE(runs(zone, again)) << "nothing idles that can be used in time";
    const JobId too_long = submit(zone, wide(1, 1, hours(2), 1));
    EXPECT_FALSE(runs(zone, too_long));

    zone.pass(hours(1));
    for (const JobId id : {second, shorter, again}) {
        ends(zone, id);
    }
    EXPECT_TRUE(runs(zone, waits));
}

/// One licence, and a QOS that goes before all others.
Policy with_urgent() {
    Policy policy = counted_policy(1);
    policy.partitions.front().order = OrderStrategy::Priority;
    policy.qos.push_back({.id = QosId{"gap"}, .factor_permille = 1000, .tier = 30});
    policy.programmes.front().qos.push_back(QosId{"gap"});
    return policy;
}

/// One GPU and the licence for three hours.
JobSpec urgent_job() {
    JobSpec spec = wide(1, 1, hours(3), 1);
    spec.qos = QosId{"gap"};
    return spec;
}

TEST(CountedAndNodes, ThePromiseIsForWhenTheLicenceIsBack) {
    Zone zone(with_urgent(), 1);
    const Moment start = zone.now;
    const JobId runs_first = submit(zone, wide(1, 7, hours(1)));
    const JobId waits = submit(zone, wide(1, 8, hours(1), 1));
    ASSERT_EQ(promised_start(zone, waits), start + hours(1));
    const JobId urgent = submit(zone, urgent_job());
    ASSERT_TRUE(runs(zone, urgent));
    EXPECT_EQ(promised_start(zone, waits), start + hours(3));
    zone.pass(hours(1));
    ends(zone, runs_first);
    EXPECT_EQ(code_of(zone, waits), "A159");
    EXPECT_EQ(promised_start(zone, waits), start + hours(3));
    EXPECT_TRUE(runs(zone, submit(zone, wide(1, 7, hours(2)))));
}

TEST(CountedAndNodes, APromiseThatTheLicenceOutlastsIsMovedThoughItsNodeIsFree) {
    Zone zone(with_urgent(), 2);
    const Moment start = zone.now;
    const JobId early = submit(zone, wide(1, 8, hours(1)));
    submit(zone, wide(1, 7, hours(10)));
    const JobId waits = submit(zone, wide(1, 8, hours(1), 1));
    ASSERT_EQ(promised_start(zone, waits), start + hours(1));
    ASSERT_TRUE(runs(zone, submit(zone, urgent_job())));

    zone.pass(minutes(30));
    ends(zone, early);

    EXPECT_EQ(code_of(zone, waits), "A159");
    EXPECT_EQ(promised_start(zone, waits), start + hours(3));
    EXPECT_TRUE(runs(zone, submit(zone, wide(1, 8, hours(2)))));
}

// --- Booked for a time ----------------------------------------------------------------------

Outcome book(Zone& zone, const EnterpriseId& who, int count, Window window,
             const std::string& name = "measuring") {
    return zone.tell(BookCounted{
        .who = testing::admin(),
        .what = {
            .id = name, .enterprise = who, .what = {{bench, count}}, .window = window, .by = {}}});
}

TEST(CountedBooking, OthersDoNotRunIntoItAndItsOwnerDoes) {
    Zone zone(counted_policy());
    const Window window{zone.now + hours(2), zone.now + hours(6)};
    ASSERT_FALSE(book(zone, song_han, 1, window).refusal);

    const JobId too_long = submit(zone, with(bench, 1, hours(3)));
    EXPECT_EQ(code_of(zone, too_long), "A161");
    const JobId before = submit(zone, with(bench, 1, hours(2)));
    EXPECT_TRUE(runs(zone, before));
    zone.pass(hours(1));
    ends(zone, before);
    const JobId own = submit(zone, with(bench, 1, hours(3)), song_han);
    EXPECT_TRUE(runs(zone, own));
    ends(zone, own);
    EXPECT_FALSE(runs(zone, too_long));
    go(zone, window.to);
    zone.round();
    EXPECT_TRUE(runs(zone, too_long));
}

TEST(CountedBooking, NoMoreIsBookedThanThereIs) {
    Zone zone(counted_policy());
    const Window window{zone.now + hours(2), zone.now + hours(6)};
    submit(zone, with(bench, 1, hours(3)));
    const Outcome too_early = book(zone, song_han, 1, window);
    ASSERT_TRUE(too_early.refusal);
    EXPECT_EQ(too_early.refusal->code, Code::BadField);
    const Window later{zone.now + hours(3), zone.now + hours(6)};
    EXPECT_FALSE(book(zone, song_han, 1, later).refusal);
    EXPECT_EQ(book(zone, sao_mai, 1, later).refusal->code, Code::ReservationExists);
    EXPECT_EQ(book(zone, sao_mai, 1, later, "other").refusal->code, Code::BadField);
    EXPECT_EQ(book(zone, sao_mai, 2, later, "other").refusal->code, Code::OverLimit);
}

TEST(CountedBooking, CancelledItIsAnybodysAgain) {
    Zone zone(counted_policy());
    ASSERT_FALSE(book(zone, song_han, 1, {zone.now + hours(1), zone.now + hours(6)}).refusal);
    const JobId job = submit(zone, with(bench, 1, hours(3)));
    ASSERT_EQ(code_of(zone, job), "A161");
    EXPECT_EQ(zone.tell(CancelReservation{member_of(sao_mai), "measuring"}).refusal->code,
              Code::Forbidden);
    ASSERT_FALSE(zone.tell(CancelReservation{testing::admin(), "measuring"}).refusal);
    zone.round();
    EXPECT_TRUE(runs(zone, job));
}

}  // namespace
}  // namespace khu
