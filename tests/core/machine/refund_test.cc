// Refunds of attempts that have ended: who may make one, for how long, how much, and where it goes.
#include <gtest/gtest.h>

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

Identity holder_of(const EnterpriseId& enterprise) {
    Identity who = member_of(enterprise);
    who.roles.insert(Role::Holder);
    return who;
}

Identity second_admin() {
    Identity who = admin();
    who.user = UserId{"admin-2"};
    return who;
}

AskRefund asked(const Zone& zone, JobId job, Atoms amount = {}, Identity who = admin()) {
    AskRefund command{.who = std::move(who), .request = {}};
    RefundRequest& request = command.request;
    request.key = {job, AttemptNumber{1}};
    UsageRow last;
    for (const UsageRow& row : rows(zone)) {
        if (row.job_id == job && row.row_kind == "usage") {
            last = row;
        }
    }
    request.paid = paid_attempt(last, request.key, entries(zone, fmt::format("{}.1.", job.value)));
    request.amount = amount;
    request.reason = "the file system was slow";
    return command;
}

/// A job of song_han that has run on 8 GPUs for an hour: 216,000 d, half of it its own.
JobId ended_job(Zone& zone) {
    const JobId job = zone.submit(job_of(1, 8), song_han);
    zone.run_to_end(job, hours(1));
    return job;
}

const Purse& purse(const Zone& zone, const std::string& account) {
    return *zone.machine.state().truth.ledger.find_purse(account);
}

std::string why(const Outcome& outcome) {
    KHU_CHECK(outcome.refusal.has_value());
    return std::string(info(outcome.refusal->code).id) + ": " +
           text(*outcome.refusal, Language::English);
}

TEST(Refunds, GiveHoursAndMoneyBackToWhoPaid) {
    Zone zone;
    const JobId job = ended_job(zone);
    ASSERT_EQ(zone.grant("G2").spent, gpu_hours(8));

    const Outcome made = zone.tell(asked(zone, job));

    ASSERT_FALSE(made.refusal.has_value()) << why(made);
    EXPECT_EQ(zone.grant("G2").spent, Atoms{0});
    EXPECT_EQ(zone.grant("G2").free, gpu_hours(1000));
    EXPECT_EQ(purse(zone, "owed:0401000002").spent, Mvnd{0});
    EXPECT_EQ(purse(zone, "funder:zone-test").spent, Mvnd{0});
    EXPECT_EQ(recounted(zone).posted("revenue:test"), 0);
    const UsageRow row = rows(zone).back();
    EXPECT_EQ(row.row_kind, "correction");
    EXPECT_EQ(row.corrects, "1.1.1");
    EXPECT_EQ(row.charged_ugs, -gpu_hours(8));
    EXPECT_EQ(row.waived_ugs, gpu_hours(8));
    EXPECT_EQ(row.list_mvnd, Mvnd{-216'000'000});
    EXPECT_EQ(row.paid_zone_mvnd, Mvnd{-108'000'000});
    EXPECT_EQ(row.paid_enterprise_mvnd, Mvnd{-108'000'000});
    EXPECT_EQ(row.ledger_seq_last, zone.machine.state().truth.ledger.last_seq());
}

TEST(Refunds, PartByPartAreTheWholeAndNoMore_L207) {
    Zone zone;
    const JobId job = ended_job(zone);
    AskRefund ask = asked(zone, job, gpu_hours(3));
    ASSERT_FALSE(zone.tell(ask).refusal.has_value());
    ask.request.reason = "again";
    ask.request.amount = gpu_hours(6);

    EXPECT_EQ(why(zone.tell(ask)),
              "L207: attempt 1 of job 1 is not refunded: 6.000000 GPUh asked, 5.000000 GPUh of "
              "what it was charged may still be refunded (zone test-1)");

    ask.request.amount = gpu_hours(5);
    ASSERT_FALSE(zone.tell(ask).refusal.has_value());
    EXPECT_EQ(zone.grant("G2").spent, Atoms{0});
    EXPECT_EQ(recounted(zone).posted("revenue:test"), 0);
}

TEST(Refunds, TheSameAgainChangesNothing) {
    Zone zone;
    const JobId job = ended_job(zone);
    const AskRefund ask = asked(zone, job, gpu_hours(3));
    const Outcome first = zone.tell(ask);

    const Outcome second = zone.tell(ask);

    EXPECT_TRUE(second.existed);
    EXPECT_EQ(second.request, first.request);
    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(5));
}

TEST(Refunds, AreBoundedByThePolicysShare_L207) {
    Policy policy = small_policy();
    policy.refunds.manual.max_permille = 500;
    Zone zone{policy};
    const JobId job = ended_job(zone);

    EXPECT_EQ(zone.tell(asked(zone, job, gpu_hours(5))).refusal->code, Code::RefundNotAllowed);
    ASSERT_FALSE(zone.tell(asked(zone, job)).refusal.has_value());
    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(4));
}

TEST(Refunds, AreAskedForWithinTheDaysOfThePolicy_L207) {
    Zone zone;
    const JobId job = ended_job(zone);
    const AskRefund ask = asked(zone, job);
    const Moment ended = ask.request.paid.last.slice_end;
    zone.now = ended + days(14) + milliseconds(1);

    EXPECT_EQ(why(zone.tell(ask)), "L207: attempt 1 of job 1 is not refunded: it ended at " +
                                       format_utc(ended) +
                                       ", and a refund is asked for within 14d (zone test-1)");

    zone.now = ended + days(14);
    EXPECT_FALSE(zone.tell(ask).refusal.has_value());
}

TEST(Refunds, OfARunningAttemptThereAreNone_L207) {
    Zone zone;
    const JobId job = ended_job(zone);
    AskRefund ask = asked(zone, job);
    ask.request.paid.last.end_cause = "period_cut";

    EXPECT_EQ(why(zone.tell(ask)), "L207: attempt 1 of job 1 is not refunded: it has not ended");
}

TEST(Refunds, AMemberMayNotAskAndAnotherEnterpriseNeither_L207) {
    Zone zone;
    const JobId job = ended_job(zone);
    const std::string refused =
        "L207: attempt 1 of job 1 is not refunded: only a holder of 0401000002 or a zone admin "
        "asks for that";

    EXPECT_EQ(why(zone.tell(asked(zone, job, {}, member_of(song_han)))), refused);
    EXPECT_EQ(why(zone.tell(asked(zone, job, {}, holder_of(sao_mai)))), refused);
    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(8));
}

TEST(Refunds, AHolderAsksAndAnAdminDecides) {
    Zone zone;
    const JobId job = ended_job(zone);
    const Outcome ask = zone.tell(asked(zone, job, {}, holder_of(song_han)));
    ASSERT_FALSE(ask.refusal.has_value());
    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(8));

    const auto decide = [&](Identity who, bool approve, std::string reason = "") {
        return zone.tell(DecideRefund{.who = std::move(who),
                                      .number = ask.request,
                                      .approve = approve,
                                      .reason = std::move(reason)});
    };
    EXPECT_EQ(why(decide(holder_of(song_han), true)),
              "L207: attempt 1 of job 1 is not refunded: a zone admin decides that");
    EXPECT_EQ(decide(admin(), false).refusal->code, Code::BadField);
    ASSERT_FALSE(decide(admin(), true).refusal.has_value());
    EXPECT_EQ(zone.grant("G2").spent, Atoms{0});
    EXPECT_EQ(decide(admin(), false, "late").refusal->code, Code::RefundDecidedAlready);
    EXPECT_EQ(zone.tell(DecideRefund{.who = admin(), .number = 9}).refusal->code,
              Code::UnknownRefund);
}

TEST(Refunds, ARefusedOneChangesNothingAndMayBeAskedAgain) {
    Zone zone;
    const JobId job = ended_job(zone);
    const AskRefund ask = asked(zone, job, {}, holder_of(song_han));
    const Outcome first = zone.tell(ask);
    ASSERT_FALSE(zone.tell(DecideRefund{.who = admin(),
                                        .number = first.request,
                                        .approve = false,
                                        .reason = "the file system was fast"})
                     .refusal.has_value());

    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(8));
    EXPECT_NE(zone.tell(ask).request, first.request);
}

TEST(Refunds, AHolderMayMakeOneWhereThePolicySaysSo) {
    Policy policy = small_policy();
    policy.refunds.manual.needs = RefundRole::Holder;
    policy.refunds.manual.second_approver_above = gpu_hours(5);
    Zone zone{policy};
    const JobId job = ended_job(zone);

    ASSERT_FALSE(zone.tell(asked(zone, job, gpu_hours(5), holder_of(song_han))).refusal);

    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(3));
}

TEST(Refunds, AboveTheBoundAnotherAdminDecides_L207) {
    Policy policy = small_policy();
    policy.refunds.manual.second_approver_above = gpu_hours(2);
    Zone zone{policy};
    const JobId job = ended_job(zone);
    const Outcome ask = zone.tell(asked(zone, job, gpu_hours(8)));
    ASSERT_FALSE(ask.refusal.has_value());
    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(8));

    EXPECT_EQ(
        why(zone.tell(DecideRefund{.who = admin(), .number = ask.request, .approve = true})),
        "L207: attempt 1 of job 1 is not refunded: above 2.000000 GPUh another admin than the one "
        "who asked decides");
    ASSERT_FALSE(
        zone.tell(DecideRefund{.who = second_admin(), .number = ask.request, .approve = true})
            .refusal.has_value());
    EXPECT_EQ(zone.grant("G2").spent, Atoms{0});
    EXPECT_EQ(zone.machine.state().truth.refunds.at(ask.request).decided_by, UserId{"admin-2"});
}

TEST(Refunds, OfAGrantThatIsOverAreMadeGoodForThirtyDays) {
    Zone zone;
    const JobId job = ended_job(zone);
    ASSERT_FALSE(
        zone
            .tell(ChangeGrant{
                .who = admin(), .grant = GrantId{"G2"}, .verb = GrantVerb::Close, .reason = "done"})
            .refusal.has_value());

    ASSERT_FALSE(zone.tell(asked(zone, job)).refusal.has_value());

    const Grant& good = zone.grant("MG-1-1-1");
    EXPECT_EQ(good.free, gpu_hours(8));
    EXPECT_EQ(good.enterprise, song_han);
    EXPECT_EQ(good.programme, ProgrammeId{"half"});
    EXPECT_EQ(good.to, zone.now + days(30));
    EXPECT_EQ(zone.grant("G2").free, Atoms{0});
    EXPECT_EQ(zone.grant("G2").expired, gpu_hours(1000));
    EXPECT_EQ(entries(zone, "MG-1-1-1").front().kind, "makegood");
    const JobId next = zone.submit(job_of(1, 4), song_han);
    EXPECT_EQ(phase_name(zone.job(next)->phase), "starting");
    recounted(zone);
}

TEST(Refunds, WhatTheZoneWaivesIsBorneByThePayerOfThePolicyAsFarAsItGoes) {
    Policy policy = small_policy();
    Funder operator_funds = policy.funders.front();
    operator_funds.id = FunderId{"op"};
    operator_funds.budget = Mvnd{100'000'000};
    policy.funders.push_back(operator_funds);
    policy.refunds.payer = FunderId{"op"};
    Zone zone{policy};
    const JobId job = ended_job(zone);

    ASSERT_FALSE(zone.tell(asked(zone, job, gpu_hours(2))).refusal.has_value());
    EXPECT_EQ(purse(zone, "funder:op").spent, Mvnd{54'000'000});
    AskRefund rest = asked(zone, job, gpu_hours(6));
    rest.request.reason = "the rest";
    ASSERT_FALSE(zone.tell(rest).refusal.has_value());

    EXPECT_EQ(purse(zone, "funder:op").spent, Mvnd{100'000'000});
    EXPECT_EQ(recounted(zone).posted("revenue:test"), 100'000'000);
}

TEST(Refunds, AnAutomaticWaiverIsBorneByThePayerToo) {
    Policy policy = small_policy();
    policy.refunds.payer = FunderId{"zone-test"};
    Zone zone{policy};
    const JobId job = zone.submit(job_of(1, 8), song_han);
    zone.start_running(job);
    zone.pass(hours(1));

    zone.tell(Tick{});  // No agent was heard for an hour: the node is lost.

    EXPECT_EQ(zone.grant("G2").spent, Atoms{0});
    EXPECT_EQ(purse(zone, "funder:zone-test").spent, Mvnd{216'000'000});
    EXPECT_EQ(rows(zone).back().waived_list_mvnd, Mvnd{216'000'000});
    recounted(zone);
}

TEST(Refunds, APolicyMayWaivePartOfTheTimeByFault) {
    Policy policy = small_policy();
    policy.refunds.automatic.node_fail_permille = 250;
    Zone zone{policy};
    const JobId job = zone.submit(job_of(1, 8), song_han);
    zone.start_running(job);
    zone.pass(hours(1));

    zone.tell(Tick{});

    EXPECT_EQ(rows(zone).back().end_cause, "node_fail");
    EXPECT_EQ(rows(zone).back().waived_ugs, gpu_hours(2));
    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(6));
}

TEST(Refunds, AClosedMonthStaysAndTheCorrectionStandsInThisOne) {
    Zone zone;
    zone.now = Moment{1'777'568'400'000} - hours(2);  // before May, zone's time
    for (const auto& [id, node] : zone.machine.state().truth.nodes) {
        zone.tell(HearNode{.node = id, .epoch = node.epoch});
    }
    const JobId job = ended_job(zone);
    zone.now = Moment{1'777'568'400'000} + days(6);
    const AskRefund ask = asked(zone, job);
    ASSERT_EQ(ask.request.paid.last.period, "2026-04");

    ASSERT_FALSE(zone.tell(ask).refusal.has_value());

    EXPECT_EQ(zone.machine.state().truth.closed_period, "2026-04");
    EXPECT_EQ(rows(zone).back().period, "2026-05");
    EXPECT_EQ(rows(zone).back().charged_ugs, -gpu_hours(8));
}

TEST(Refunds, OfAnOverrunThatWasRepaidGoToTheGrant) {
    Policy policy = small_policy();
    Programme& programme = policy.programmes[0];
    programme.grant.tranche = Tranche::Quarter;
    programme.exhausted = Exhausted::LowPriority;
    programme.overrun_max_permille = 300;
    programme.limits.max_gpus_running = 0;
    policy.enterprises[0].grants.clear();
    Zone zone{policy};
    const GrantOffer offer{.id = GrantId{"Q"},
                           .enterprise = sao_mai,
                           .programme = ProgrammeId{"free"},
                           .amount = gpu_hours(200),
                           .from = zone.now,
                           .to = zone.now + days(40),
                           .decision_ref = "3/QD"};
    ASSERT_FALSE(zone.tell(ApproveGrants{.who = admin(), .offers = {offer}}).refusal);
    const JobId job = zone.submit(job_of(4, 8), sao_mai);
    zone.run_to_end(job, hours(2));
    ASSERT_EQ(zone.grant("Q-overrun").spent, gpu_hours(14));
    zone.now = offer.from + days(10);
    zone.tell(Tick{});
    ASSERT_EQ(zone.grant("Q-overrun").spent, Atoms{0});
    ASSERT_EQ(zone.grant("Q").spent, gpu_hours(64));

    ASSERT_FALSE(zone.tell(asked(zone, job)).refusal);

    EXPECT_EQ(zone.grant("Q").spent, Atoms{0});
    EXPECT_EQ(zone.grant("Q-overrun").spent, Atoms{0});
    EXPECT_EQ(zone.grant("Q").free, gpu_hours(36 + 64));
    recounted(zone);
}

TEST(Refunds, AreTheSameAfterReplay) {
    Zone zone;
    const JobId job = ended_job(zone);
    ASSERT_FALSE(zone.tell(asked(zone, job, gpu_hours(3))).refusal.has_value());

    Machine again{ZoneId{"test"}};
    for (const Stamped& fact : zone.history) {
        again.replay(fact);
    }

    EXPECT_EQ(again.state().truth.ledger.state(), zone.machine.state().truth.ledger.state());
    EXPECT_EQ(again.state().truth.refunded, zone.machine.state().truth.refunded);
    EXPECT_EQ(again.state().truth.refunds, zone.machine.state().truth.refunds);
}

}  // namespace
}  // namespace khu
