// What the terms of a programme do to its grants: tranches, carry, advance, pullback, overrun, and
// the place of jobs whose grants are used up.
#include <gtest/gtest.h>

#include "core/machine/grant_terms.h"
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

Programme& free_programme(Policy& policy) {
    return policy.programmes[0];
}

/// sao_mai has 400 GPU-hours for 400 days from now on, in quarters.
struct Quarters {
    explicit Quarters(Policy policy) : zone(with_tranches(std::move(policy))) {
        begin = zone.now;
        const GrantOffer offer{.id = GrantId{"Q"},
                               .enterprise = sao_mai,
                               .programme = ProgrammeId{"free"},
                               .amount = gpu_hours(400),
                               .from = begin,
                               .to = begin + days(400),
                               .decision_ref = "3/QD"};
        const Outcome made = zone.tell(ApproveGrants{.who = admin(), .offers = {offer}});
        KHU_CHECK(!made.refusal, "{}", text(*made.refusal, Language::English));
    }
    static Policy with_tranches(Policy policy) {
        free_programme(policy).grant.tranche = Tranche::Quarter;
        policy.enterprises[0].grants.clear();
        return policy;
    }

    /// Nodes that were heard of last long ago are gone; the books go on.
    void at(Span after) {
        zone.now = begin + after;
        zone.tell(Tick{});
        for (int node = 1; node <= 4; ++node) {
            zone.join(node);
        }
    }
    const Grant& grant() const { return zone.grant("Q"); }
    std::vector<std::string> kinds() const {
        std::vector<std::string> found;
        for (const Entry& entry : testing::entries(zone, "Q.")) {
            found.push_back(entry.kind);
        }
        return found;
    }

    Zone zone;
    Moment begin;
};

Refusal refused(const Outcome& outcome) {
    KHU_CHECK(outcome.refusal.has_value());
    return *outcome.refusal;
}

TEST(Tranches, AQuarterIsGrantedAndTheRestComesInItsTime) {
    Quarters q{small_policy()};
    EXPECT_EQ(q.grant().granted, gpu_hours(100));
    EXPECT_EQ(whole(q.grant()), gpu_hours(400));
    EXPECT_LE(q.zone.machine.next_wake(), q.begin + days(100));

    q.at(days(100) - milliseconds(1));
    EXPECT_EQ(q.grant().tranche, 0);
    q.at(days(100));

    EXPECT_EQ(q.grant().granted, gpu_hours(200));
    EXPECT_EQ(q.grant().free, gpu_hours(100));
    EXPECT_EQ(q.grant().expired, gpu_hours(100));
}

TEST(Tranches, AKhudThatSleptOverTwoTurnsMakesBoth) {
    Quarters q{small_policy()};

    q.at(days(250));

    EXPECT_EQ(q.grant().tranche, 2);
    EXPECT_EQ(q.grant().granted, gpu_hours(300));
    EXPECT_EQ(q.grant().expired, gpu_hours(200));
}

TEST(Tranches, SoMuchIsCarriedOnceIntoTheNextOnly) {
    Policy policy = small_policy();
    free_programme(policy).carry.max_permille = 200;
    Quarters q{policy};

    q.at(days(100));
    EXPECT_EQ(q.grant().free, gpu_hours(120));
    EXPECT_EQ(q.grant().carried, gpu_hours(20));
    q.at(days(200));

    EXPECT_EQ(q.grant().free, gpu_hours(120));  // The 20 hours of the first are gone.
    EXPECT_EQ(q.grant().expired, gpu_hours(180));
    EXPECT_EQ(q.kinds(), (std::vector<std::string>{"grant", "expire", "carry", "carry", "grant",
                                                   "expire", "carry", "carry", "grant"}));
}

TEST(Tranches, AGrantThatIsOpenedLateHasWhatItsPastTranchesHad) {
    Policy policy = Quarters::with_tranches(small_policy());
    Zone zone{policy};
    const GrantOffer offer{.id = GrantId{"Q"},
                           .enterprise = sao_mai,
                           .programme = ProgrammeId{"free"},
                           .amount = gpu_hours(400),
                           .from = zone.now - days(250),
                           .to = zone.now + days(150),
                           .decision_ref = "3/QD"};

    ASSERT_FALSE(zone.tell(ApproveGrants{.who = admin(), .offers = {offer}}).refusal);

    EXPECT_EQ(zone.grant("Q").granted, gpu_hours(300));
    EXPECT_EQ(zone.grant("Q").tranche, 2);
}

TEST(Tranches, AJobThatNoTrancheCouldHoldIsRefused_A104) {
    Quarters q{small_policy()};
    JobSpec spec = job_of(1, 8);
    spec.time_limit = hours(26);  // 208 hours: more than two tranches

    const Outcome outcome =
        q.zone.tell(SubmitJob{.who = member_of(sao_mai), .spec = spec, .key = ""});

    EXPECT_EQ(refused(outcome).code, Code::GrantTooSmall);
}

TEST(Advances, DrawOnTheNextTrancheUpToThePolicysPart) {
    Policy policy = small_policy();
    free_programme(policy).advance_max_of_next_tranche_permille = 500;
    Quarters q{policy};
    const auto advance = [&](Atoms amount, Identity who = admin()) {
        return q.zone.tell(
            AdvanceGrant{.who = std::move(who), .grant = GrantId{"Q"}, .amount = amount});
    };

    EXPECT_EQ(text(refused(advance(gpu_hours(51))), Language::English),
              "amount: of the next tranche 50.000000 GPUh may still be advanced");
    EXPECT_EQ(refused(advance(gpu_hours(1), member_of(song_han))).code, Code::UnknownGrant);
    EXPECT_EQ(refused(advance(gpu_hours(1), member_of(sao_mai))).code, Code::Forbidden);
    ASSERT_FALSE(advance(gpu_hours(30)).refusal);
    EXPECT_EQ(q.grant().free, gpu_hours(130));
    EXPECT_EQ(refused(advance(gpu_hours(21))).code, Code::BadField);
    q.at(days(100));

    EXPECT_EQ(q.grant().free, gpu_hours(70));
    EXPECT_EQ(whole(q.grant()), gpu_hours(400));
}

TEST(Pullbacks, TakeAPartOfTheRestWhereTooLittleWasUsed) {
    Policy policy = small_policy();
    free_programme(policy).pullback = {
        {.after = days(180), .if_used_below_permille = 400, .forfeit_of_remaining_permille = 300}};
    Zone zone{policy};
    const Moment point = zone.grant("G1").from + days(180);
    ASSERT_GT(point, zone.now);
    const GrantOutlook ahead = outlook_of(zone.machine.state(), zone.grant("G1"), zone.now);
    EXPECT_EQ(ahead.pullback_at, point);
    EXPECT_EQ(ahead.pullback, gpu_hours(30));

    zone.now = point;
    zone.tell(Tick{});

    EXPECT_EQ(zone.grant("G1").free, gpu_hours(70));
    EXPECT_EQ(zone.grant("G1").clawback, gpu_hours(30));
    EXPECT_EQ(zone.grant("G2").clawback, Atoms{0});
    zone.now = point + days(3);
    zone.tell(Tick{});
    EXPECT_EQ(zone.grant("G1").free, gpu_hours(70));
}

TEST(Pullbacks, AreWarnedOfThirtyAndSevenDaysBefore) {
    Policy policy = small_policy();
    free_programme(policy).pullback = {
        {.after = days(220), .if_used_below_permille = 400, .forfeit_of_remaining_permille = 300}};
    Zone zone{policy};
    const Moment point = zone.grant("G1").from + days(220);
    ASSERT_GT(point - days(30), zone.now);
    std::vector<Span> before;
    for (int day = 0; day < 60; ++day) {
        zone.now = point - days(59 - day);
        for (const Stamped& fact : zone.tell(Tick{}).facts) {
            if (const auto* warned = std::get_if<PullbackWarned>(&fact.fact)) {
                EXPECT_EQ(warned->forfeit_permille, 300);
                before.push_back(point - zone.now);
            }
        }
    }

    EXPECT_EQ(before, (std::vector<Span>{days(30), days(7)}));
}

TEST(Pullbacks, SpareAGrantThatWasUsed) {
    Policy policy = small_policy();
    free_programme(policy).pullback = {
        {.after = days(180), .if_used_below_permille = 80, .forfeit_of_remaining_permille = 300}};
    Zone zone{policy};
    zone.run_to_end(zone.submit(job_of(1, 8)), hours(1));

    zone.now = zone.grant("G1").from + days(180);
    zone.tell(Tick{});

    EXPECT_EQ(zone.grant("G1").free, gpu_hours(92));
}

TEST(Pullbacks, ANewPolicyTakesNothingForADayThatIsPast) {
    Zone zone;
    Policy policy = small_policy();
    policy.id = PolicyId{"test-2"};
    policy.supersedes = PolicyId{"test-1"};
    policy.effective_from = zone.now + milliseconds(1);
    free_programme(policy).pullback = {
        {.after = days(10), .if_used_below_permille = 400, .forfeit_of_remaining_permille = 300}};
    ASSERT_FALSE(zone.tell(ApplyPolicy{.who = admin(), .policy = policy, .text = "p"}).refusal);

    zone.pass(days(1));
    zone.tell(Tick{});

    ASSERT_EQ(zone.machine.state().truth.policy->id, PolicyId{"test-2"});
    EXPECT_EQ(zone.grant("G1").free, gpu_hours(100));
}

/// 100 hours for sao_mai, of which jobs of 16 hours each leave 4.
Policy overrunning(int overrun_permille) {
    Policy policy = small_policy();
    free_programme(policy).exhausted = Exhausted::LowPriority;
    free_programme(policy).overrun_max_permille = overrun_permille;
    free_programme(policy).limits.max_gpus_running = 0;
    return policy;
}

void use_up(Zone& zone) {
    for (int job = 0; job < 6; ++job) {
        zone.run_to_end(zone.submit(job_of(1, 8)), hours(2));
    }
    KHU_CHECK(zone.grant("G1").free == gpu_hours(4));
}

std::string phase(const Zone& zone, JobId job) {
    return phase_name(zone.job(job)->phase);
}

TEST(Overrun, WithoutItAJobWaitsForWhatTheGrantDoesNotHave_A110) {
    Zone zone{overrunning(0)};
    use_up(zone);

    const JobId job = zone.submit(job_of(1, 8));

    EXPECT_EQ(phase(zone, job), "queued");
    EXPECT_EQ(zone.machine.borrow().scheduler.why(job, zone.now)->code, Code::HoldDoesNotFit);
}

TEST(Overrun, ALowPriorityProgrammeLetsAJobBeginOnALineOfItsOwn) {
    Zone zone{overrunning(150)};
    use_up(zone);

    const JobId job = zone.submit(job_of(1, 8));

    ASSERT_EQ(phase(zone, job), "starting");
    EXPECT_EQ(zone.grant("G1").free, Atoms{0});
    EXPECT_EQ(zone.grant("G1-overrun").held, gpu_hours(12));
    zone.run_to_end(job, hours(1));
    EXPECT_EQ(zone.grant("G1").spent, gpu_hours(100));
    EXPECT_EQ(zone.grant("G1-overrun").spent, gpu_hours(4));
    EXPECT_EQ(zone.grant("G1-overrun").free, gpu_hours(8));
    const JobId next = zone.submit(job_of(1, 8));
    EXPECT_EQ(phase(zone, next), "queued");  // 4 + 16 of 15
    JobSpec small = job_of(1, 4);
    const JobId third = zone.submit(small);
    EXPECT_EQ(phase(zone, third), "starting");
    EXPECT_EQ(zone.grant("G1-overrun").granted, gpu_hours(12));
}

TEST(Overrun, IsRepaidFirstFromTheNextTranche) {
    Policy policy = overrunning(300);
    Quarters q{policy};
    q.zone.run_to_end(q.zone.submit(job_of(4, 8)), hours(2));
    q.zone.run_to_end(q.zone.submit(job_of(4, 8)), hours(2));
    ASSERT_EQ(q.grant().spent, gpu_hours(100));
    ASSERT_EQ(q.zone.grant("Q-overrun").spent, gpu_hours(28));

    q.at(days(100));

    EXPECT_EQ(q.grant().free, gpu_hours(72));
    EXPECT_EQ(q.zone.grant("Q-overrun").spent, Atoms{0});
    EXPECT_EQ(q.zone.grant("Q-overrun").free, gpu_hours(28));
}

TEST(Overrun, ItsLineIsNobodysGrantToChange) {
    Zone zone{overrunning(150)};
    use_up(zone);
    zone.submit(job_of(1, 8));

    const Outcome closed = zone.tell(ChangeGrant{
        .who = admin(), .grant = GrantId{"G1-overrun"}, .verb = GrantVerb::Close, .reason = ""});
    EXPECT_EQ(refused(closed).code, Code::UnknownGrant);
    ASSERT_FALSE(
        zone
            .tell(ChangeGrant{
                .who = admin(), .grant = GrantId{"G1"}, .verb = GrantVerb::Close, .reason = ""})
            .refusal);
    EXPECT_TRUE(zone.grant("G1-overrun").ended);
}

TEST(OverGrant, JobsOfAUsedUpGrantStandLater) {
    Policy policy = overrunning(150);
    policy.priority.over_grant = {{.used_at_least_permille = 900, .age_penalty = days(30)}};
    Zone zone{policy};
    const auto shift = [&] {
        zone.round();
        const FairTree& fair = zone.machine.state().scheduler.fair();
        return fair.fairness(*fair.find(ProgrammeId{"free"}, sao_mai)).delay.penalty;
    };
    zone.submit(job_of(1, 8));
    EXPECT_EQ(shift(), Span{0});

    Zone used{policy};
    use_up(used);

    const FairTree& fair = used.machine.state().scheduler.fair();
    EXPECT_EQ(fair.fairness(*fair.find(ProgrammeId{"free"}, sao_mai)).delay.penalty, days(30));
}

TEST(OverGrant, SoManyJobsRunAndNoMore_A108) {
    Policy policy = overrunning(300);
    policy.priority.over_grant = {
        {.used_at_least_permille = 900, .age_penalty = days(30), .max_running_jobs = 1}};
    Zone zone{policy};
    use_up(zone);

    const JobId first = zone.submit(job_of(1, 2));
    const JobId second = zone.submit(job_of(1, 2));

    EXPECT_EQ(phase(zone, first), "starting");
    ASSERT_EQ(phase(zone, second), "queued");
    EXPECT_EQ(text(*zone.machine.borrow().scheduler.why(second, zone.now), Language::English),
              "enterprise 0401000001 has used 900 thousandths of its grants of free; then at most "
              "1 of its jobs run, and 1 do");
}

TEST(Tranches, AreTheSameAfterReplay) {
    Policy policy = overrunning(300);
    free_programme(policy).carry.max_permille = 200;
    Quarters q{policy};
    q.zone.run_to_end(q.zone.submit(job_of(4, 8)), hours(2));
    q.at(days(220));

    Machine again{ZoneId{"test"}};
    for (const Stamped& fact : q.zone.history) {
        again.replay(fact);
    }

    EXPECT_EQ(again.state().truth.ledger.state(), q.zone.machine.state().truth.ledger.state());
}

}  // namespace
}  // namespace khu
