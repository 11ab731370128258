// What is owed for grants that are over, and what being late does; hours that go from one grant to
// another; and what the zone's report counts of all that.
#include <gtest/gtest.h>

#include "core/machine/admission.h"
#include "core/machine/grant_duties.h"
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

Policy with_duties(OpenOutput output = OpenOutput::NotRequired) {
    Policy policy = small_policy();
    policy.programmes[0].duties = {.report_due_after_end = days(30),
                                   .open_output = output,
                                   .late_action = LateAction::SuspendSubmit};
    return policy;
}

/// sao_mai has a grant of ten days, D, besides G1, which is open for much longer.
struct TenDays {
    explicit TenDays(const Policy& policy = with_duties()) : zone(policy) {
        begin = zone.now;
        const GrantOffer offer{.id = GrantId{"D"},
                               .enterprise = sao_mai,
                               .programme = ProgrammeId{"free"},
                               .amount = gpu_hours(20),
                               .from = begin,
                               .to = begin + days(10),
                               .decision_ref = "3/QD"};
        KHU_CHECK(!zone.tell(ApproveGrants{.who = admin(), .offers = {offer}}).refusal);
    }
    void at(Span after) {
        zone.now = begin + after;
        for (const auto& [id, node] : zone.machine.state().truth.nodes) {
            zone.tell(HearNode{.node = id, .epoch = node.epoch});
        }
        zone.tell(Tick{});
    }
    Outcome deliver(std::string report, std::string output = "",
                    Identity who = holder_of(sao_mai)) {
        return zone.tell(DeliverReport{.who = std::move(who),
                                       .grant = GrantId{"D"},
                                       .report = std::move(report),
                                       .output = std::move(output)});
    }
    std::optional<Reason> why(const EnterpriseId& owner = sao_mai, const char* programme = "free") {
        JobSpec spec = job_of(1, 1);
        spec.programme = ProgrammeId{programme};
        const auto admitted =
            admit(zone.machine.state(), member_of(owner), std::move(spec), zone.now);
        KHU_CHECK(admitted.has_value(), "{}", text(admitted.error(), Language::English));
        const auto plan = plan_hold(zone.machine.state(), *admitted, zone.now);
        return plan ? std::nullopt : std::optional(plan.error());
    }
    template <class Fact>
    int told() const {
        int count = 0;
        for (const Stamped& each : zone.history) {
            count += std::holds_alternative<Fact>(each.fact) ? 1 : 0;
        }
        return count;
    }
    std::int64_t counted(const std::string& measure) const {
        std::int64_t sum = 0;
        for (const GrantCount& each : zone.machine.state().truth.grant_counts) {
            sum += each.measure == measure ? each.value : 0;
        }
        return sum;
    }

    Zone zone;
    Moment begin;
};

Code refused(const Outcome& outcome) {
    KHU_CHECK(outcome.refusal.has_value());
    return outcome.refusal->code;
}

TEST(Duties, AReportIsOwedAtTheEndWarnedOfAndLate) {
    TenDays d;
    EXPECT_LE(d.zone.machine.next_wake(), d.begin + days(10));
    d.at(days(10));
    ASSERT_EQ(d.told<ReportOwed>(), 1);
    EXPECT_EQ(d.zone.machine.state().truth.reports.at(GrantId{"D"}).steps[0].due_at,
              d.begin + days(40));
    EXPECT_FALSE(d.why());

    d.at(days(33) - milliseconds(1));
    EXPECT_EQ(d.told<ReportWarned>(), 0);
    d.at(days(33));
    EXPECT_EQ(d.told<ReportWarned>(), 1);
    d.at(days(40) - milliseconds(1));
    EXPECT_EQ(d.told<ReportLate>(), 0);
    d.at(days(40));

    EXPECT_EQ(d.told<ReportOwed>(), 1);
    EXPECT_EQ(d.told<ReportWarned>(), 1);
    EXPECT_EQ(d.told<ReportLate>(), 1);
    EXPECT_TRUE(d.why());
}

TEST(Duties, ALateReportKeepsTheProgrammesJobsFromStartingUntilItIsDelivered_A113) {
    TenDays d;
    d.at(days(10));
    d.at(days(51) + hours(1));
    const JobId waits = d.zone.submit(job_of(1, 1));
    const JobId other = d.zone.submit(job_of(1, 1), song_han);

    EXPECT_TRUE(live_attempt(*d.zone.job(other)) != nullptr);
    EXPECT_TRUE(live_attempt(*d.zone.job(waits)) == nullptr);
    const std::optional<Reason> why = d.why();
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code, Code::GrantSuspended);
    EXPECT_NE(text(*why, Language::English).find("12 days late"), std::string::npos)
        << text(*why, Language::English);
    EXPECT_NE(text(*why, Language::Vietnamese).find("12 ngày"), std::string::npos);
    EXPECT_EQ(*limit_key(*why), "programmes.free.duties.late_action");

    ASSERT_FALSE(d.deliver("https://example.vn/r.pdf").refusal);
    d.zone.round();

    EXPECT_FALSE(d.why());
    EXPECT_TRUE(live_attempt(*d.zone.job(waits)) != nullptr);
}

TEST(Duties, OfAProgrammeThatSuspendsNobodyItIsJustLate) {
    Policy policy = with_duties();
    policy.programmes[0].duties.late_action = LateAction::None;
    TenDays d{policy};
    d.at(days(10));
    d.at(days(60));

    EXPECT_EQ(d.told<ReportLate>(), 1);
    EXPECT_FALSE(d.why());
}

TEST(Duties, OnlyAHolderDeliversAndOnlyWhatIsOwed_L216) {
    TenDays d;
    EXPECT_EQ(refused(d.deliver("r")), Code::ReportNotTaken);  // Its window is open.
    d.at(days(10));

    EXPECT_EQ(refused(d.deliver("r", "", member_of(sao_mai))), Code::Forbidden);
    EXPECT_EQ(refused(d.deliver("r", "", holder_of(song_han))), Code::UnknownGrant);
    EXPECT_EQ(refused(d.deliver("")), Code::BadField);
    ASSERT_FALSE(d.deliver("r").refusal);
    EXPECT_EQ(refused(d.deliver("r")), Code::ReportNotTaken);  // Once is enough.
}

TEST(Duties, TheOpenOutputIsNamedWhereTheProgrammeWantsOne_L216) {
    TenDays d{with_duties(OpenOutput::Required)};
    d.at(days(10));

    EXPECT_EQ(refused(d.deliver("r")), Code::ReportNotTaken);
    ASSERT_FALSE(d.deliver("r", "https://example.vn/model").refusal);

    EXPECT_EQ(d.counted("open_outputs"), 1);
    EXPECT_EQ(d.counted("reports_due"), 1);
    EXPECT_EQ(d.counted("reports_late"), 0);
}

TEST(Duties, AReportThatIsSentBackIsOwedAgainFor14DaysAtLeast) {
    TenDays d;
    d.at(days(10));
    const auto send_back = [&](std::string reason) {
        return d.zone.tell(
            ReturnReport{.who = admin(), .grant = GrantId{"D"}, .reason = std::move(reason)});
    };
    EXPECT_EQ(refused(send_back("empty")), Code::ReportNotTaken);
    ASSERT_FALSE(d.deliver("r").refusal);
    d.at(days(100));
    EXPECT_FALSE(d.why());
    EXPECT_EQ(refused(send_back("")), Code::BadField);
    ASSERT_FALSE(send_back("the figures are missing").refusal);

    d.at(days(114) - milliseconds(1));
    EXPECT_FALSE(d.why());
    d.at(days(114));
    EXPECT_TRUE(d.why());
    ASSERT_FALSE(d.deliver("r2").refusal);
    EXPECT_FALSE(d.why());
}

TEST(Duties, NothingIsOwedForWhatEndedBeforeThePolicyNorForMakegoodGrants) {
    Policy policy = with_duties();
    policy.enterprises[0].grants.push_back(
        {.id = GrantId{"OLD"},
         .programme = ProgrammeId{"free"},
         .amount = gpu_hours(1),
         .window = {.from = Moment{1'760'000'000'000}, .to = Moment{1'770'000'000'000}},
         .decision_ref = "1/QD",
         .permit = ""});
    TenDays d{policy};
    d.at(days(1));

    EXPECT_EQ(d.told<ReportOwed>(), 0);
}

TEST(Duties, AKhudThatWasDownAtTheEndLeavesTwoWeeksAtLeast) {
    TenDays d;
    d.at(days(100));
    EXPECT_EQ(d.told<ReportOwed>(), 1);
    EXPECT_FALSE(d.why());

    d.at(days(114) - milliseconds(1));
    EXPECT_FALSE(d.why());
    d.at(days(114));
    EXPECT_TRUE(d.why());
}

TEST(Duties, AreTheSameAfterReplay) {
    TenDays d;
    d.at(days(10));
    ASSERT_FALSE(d.deliver("r").refusal);
    d.at(days(45));

    Machine again(ZoneId{"test"});
    for (const Stamped& fact : d.zone.history) {
        again.replay(fact);
    }
    EXPECT_EQ(again.state().truth.reports, d.zone.machine.state().truth.reports);
    EXPECT_EQ(again.state().truth.grant_counts, d.zone.machine.state().truth.grant_counts);
    EXPECT_EQ(again.state().reports_owed, d.zone.machine.state().reports_owed);
    Machine loaded(ZoneId{"test"});
    loaded.load(d.zone.machine.state().truth);
    EXPECT_EQ(loaded.state().reports_owed, d.zone.machine.state().reports_owed);
}

TEST(Counts, WhatHappensToGrantsIsKeptWithItsMonth) {
    TenDays d;
    d.at(days(10));
    EXPECT_EQ(d.counted("expired"), gpu_hours(20).value);
    RequestGrant ask{.who = holder_of(sao_mai), .request = {}};
    ask.request.enterprise = sao_mai;
    ask.request.programme = ProgrammeId{"free"};
    ask.request.amount = gpu_hours(5);
    ask.request.purpose = "a model";
    ASSERT_FALSE(d.zone.tell(ask).refusal);
    EXPECT_EQ(d.counted("auto_approved"), 1);

    d.at(days(40));  // Another month.

    const std::vector<MonthMark>& months = d.zone.machine.state().truth.months;
    ASSERT_FALSE(months.empty());
    EXPECT_TRUE(months.back().counted);
    std::map<std::string, std::int64_t> of_all;
    for (const MonthMark& month : months) {
        for (const GrantCount& each : month.grants) {
            of_all[each.measure] += each.value;
        }
    }
    EXPECT_EQ(of_all["expired"], gpu_hours(20).value);
    EXPECT_EQ(of_all["auto_approved"], 1);
    EXPECT_EQ(of_all["reports_due"], 1);
    EXPECT_EQ(d.counted("expired"), 0);
}

TEST(Transfers, FreeHoursGoToAnotherGrantOfTheSameOwnerAndProgramme) {
    TenDays d;
    const auto transfer = [&](const char* from, const char* to, Atoms amount,
                              Identity who = admin(), std::string ref = "9/QD") {
        return d.zone.tell(TransferGrant{.who = std::move(who),
                                         .from = GrantId{from},
                                         .to = GrantId{to},
                                         .amount = amount,
                                         .decision_ref = std::move(ref)});
    };
    EXPECT_EQ(refused(transfer("G1", "D", gpu_hours(1), holder_of(sao_mai))), Code::Forbidden);
    EXPECT_EQ(refused(transfer("G1", "D", gpu_hours(1), admin(), "")), Code::BadField);
    EXPECT_EQ(refused(transfer("G1", "G2", gpu_hours(1))), Code::BadField);
    EXPECT_EQ(refused(transfer("G1", "G1", gpu_hours(1))), Code::BadField);
    EXPECT_EQ(refused(transfer("G1", "none", gpu_hours(1))), Code::UnknownGrant);
    EXPECT_EQ(refused(transfer("G1", "D", gpu_hours(101))), Code::BadField);
    EXPECT_EQ(refused(transfer("G1", "D", Atoms{0})), Code::BadField);

    ASSERT_FALSE(transfer("G1", "D", gpu_hours(30)).refusal);

    EXPECT_EQ(d.zone.grant("G1").free, gpu_hours(70));
    EXPECT_EQ(d.zone.grant("D").free, gpu_hours(50));
    EXPECT_EQ(offered(d.zone.grant("G1")), gpu_hours(100));  // What the decision gave stays.
    EXPECT_EQ(offered(d.zone.grant("D")), gpu_hours(20));
    EXPECT_TRUE(d.zone.machine.state().truth.ledger.audit().empty());
    EXPECT_EQ(testing::recounted(d.zone).posted("grant:D"), gpu_hours(50).value);
    d.at(days(10));
    EXPECT_EQ(refused(transfer("G1", "D", gpu_hours(1))), Code::GrantWrongState);
}

TEST(Transfers, ThePolicyThatComesNextNeitherGivesThemAgainNorRefuses) {
    TenDays d;
    ASSERT_FALSE(d.zone
                     .tell(TransferGrant{.who = admin(),
                                         .from = GrantId{"G1"},
                                         .to = GrantId{"D"},
                                         .amount = gpu_hours(30),
                                         .decision_ref = "9/QD"})
                     .refusal);
    Policy next = with_duties();
    next.id = PolicyId{"test-2"};
    next.supersedes = PolicyId{"test-1"};
    next.effective_from = d.zone.now + hours(1);
    const Outcome applied = d.zone.tell(ApplyPolicy{.who = admin(), .policy = next, .text = "p2"});
    ASSERT_FALSE(applied.refusal) << text(*applied.refusal, Language::English);
    d.at(hours(2));

    EXPECT_EQ(d.zone.grant("G1").free, gpu_hours(70));
    EXPECT_EQ(d.zone.grant("D").free, gpu_hours(50));
}

TEST(Shortage, SaysWhenTheNextTrancheBegins_A110) {
    Policy policy = small_policy();
    policy.programmes[0].grant.tranche = Tranche::Quarter;
    policy.enterprises[0].grants.clear();
    TenDays d{policy};
    const GrantOffer offer{.id = GrantId{"Q"},
                           .enterprise = sao_mai,
                           .programme = ProgrammeId{"free"},
                           .amount = gpu_hours(400),
                           .from = d.begin,
                           .to = d.begin + days(400),
                           .decision_ref = "3/QD"};
    ASSERT_FALSE(d.zone.tell(ApproveGrants{.who = admin(), .offers = {offer}}).refusal);
    d.at(days(11));
    JobSpec spec = job_of(1, 8);
    spec.time_limit = hours(15);  // 120 hours; a tranche has 100
    const auto admitted = admit(d.zone.machine.state(), member_of(sao_mai), spec, d.zone.now);
    ASSERT_TRUE(admitted);
    const auto plan = plan_hold(d.zone.machine.state(), *admitted, d.zone.now);

    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, Code::HoldDoesNotFit);
    const std::string day = format_local(d.begin + days(100), 420).substr(0, 10);
    EXPECT_NE(text(plan.error(), Language::English).find("begins on " + day), std::string::npos)
        << text(plan.error(), Language::English);
    EXPECT_NE(text(plan.error(), Language::Vietnamese).find(day), std::string::npos);
    const auto other = plan_hold(d.zone.machine.state(), *admitted, d.zone.now);
    EXPECT_EQ(text(other.error(), Language::English).find('?'), std::string::npos);
}

}  // namespace
}  // namespace khu
