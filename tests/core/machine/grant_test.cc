// Grants by decision and by request, the idle class, and nodes with other GPUs than the policy
// says.
#include <gtest/gtest.h>

#include "core/base/limits.h"
#include "core/machine/node_mismatch.h"
#include "tests/core/machine/zone_builder.h"

namespace khu {
namespace {

using testing::admin;
using testing::eight_gpus;
using testing::job_of;
using testing::member_of;
using testing::sao_mai;
using testing::small_policy;
using testing::song_han;
using testing::Zone;

GrantOffer offer(const std::string& id, Atoms amount, Span window = days(30)) {
    const Moment now = Zone(0).now;
    return {.id = GrantId{id},
            .enterprise = sao_mai,
            .programme = ProgrammeId{"free"},
            .amount = amount,
            .from = now,
            .to = now + window,
            .decision_ref = "2/QD"};
}

Code refused(const Outcome& outcome) {
    KHU_CHECK(outcome.refusal.has_value());
    return outcome.refusal->code;
}

/// The second policy of the zone, in force an hour from `now`.
ApplyPolicy next_policy(const Zone& zone) {
    Policy policy = small_policy();
    policy.id = PolicyId{"test-2"};
    policy.supersedes = PolicyId{"test-1"};
    policy.effective_from = zone.now + hours(1);
    return {.who = admin(), .policy = policy, .text = "p2"};
}

RequestGrant request(Atoms amount) {
    Identity holder = member_of(sao_mai);
    holder.roles.insert(Role::Holder);
    GrantRequest asked;
    asked.enterprise = sao_mai;
    asked.programme = ProgrammeId{"free"};
    asked.amount = amount;
    asked.purpose = "a Vietnamese model";
    return {.who = holder, .request = asked};
}

const GrantRequestRecord& record(const Zone& zone, std::uint64_t number) {
    return zone.machine.state().truth.requests.at(number);
}

/// `span` later, with every agent heard, the clock ticks.
void pass(Zone& zone, Span span) {
    zone.pass(span);
    for (const auto& [id, node] : zone.machine.state().truth.nodes) {
        zone.tell(HearNode{.node = id, .epoch = node.epoch});
    }
    zone.tell(Tick{});
}

GrantOffer voucher_offer(const std::string& id, const std::string& voucher, Atoms amount) {
    GrantOffer made = offer(id, amount);
    made.voucher = voucher;
    return made;
}

TEST(Vouchers, AreRedeemedOnce_L223) {
    Zone zone;
    const GrantOffer first = voucher_offer("V1", "VC-2026/17", gpu_hours(5));
    ASSERT_FALSE(zone.tell(ApproveGrants{admin(), {first}}).refusal);

    const Outcome again = zone.tell(ApproveGrants{admin(), {first}});
    const Outcome other =
        zone.tell(ApproveGrants{admin(), {voucher_offer("V2", "VC-2026/17", gpu_hours(5))}});
    const Outcome larger =
        zone.tell(ApproveGrants{admin(), {voucher_offer("V1", "VC-2026/17", gpu_hours(6))}});
    const Outcome renamed =
        zone.tell(ApproveGrants{admin(), {voucher_offer("V1", "VC-2026/18", gpu_hours(5))}});

    EXPECT_FALSE(again.refusal);
    EXPECT_TRUE(again.facts.empty());
    EXPECT_EQ(refused(other), Code::VoucherRedeemed);
    EXPECT_EQ(text(*other.refusal, Language::English),
              "voucher VC-2026/17 was redeemed already, as grant V1");
    EXPECT_EQ(text(*other.refusal, Language::Vietnamese),
              "phiếu VC-2026/17 đã được đổi thành hạn mức V1");
    EXPECT_EQ(refused(larger), Code::GrantIdTaken);
    EXPECT_EQ(refused(renamed), Code::GrantIdTaken);
    EXPECT_EQ(zone.machine.state().truth.ledger.redeemed("VC-2026/17")->id, GrantId{"V1"});
    EXPECT_EQ(zone.machine.state().truth.ledger.redeemed(""), nullptr);
}

TEST(Vouchers, OfOneFileToo_R304) {
    Zone zone;
    const std::vector<GrantOffer> twice{voucher_offer("V1", "VC-1", gpu_hours(5)),
                                        voucher_offer("V2", "VC-1", gpu_hours(5))};

    const Outcome outcome = zone.tell(ApproveGrants{admin(), twice, {2, 3}});

    ASSERT_TRUE(outcome.refusal);
    EXPECT_EQ(text(*outcome.refusal, Language::English),
              "line 3: L223 voucher VC-1 was redeemed already, as grant V1; nothing was imported");
    EXPECT_EQ(zone.machine.state().truth.ledger.redeemed("VC-1"), nullptr);
}

TEST(Vouchers, AreAWordThatFilesAndPagesCanShow_H422) {
    Zone zone;
    for (const std::string& bad :
         {std::string("two words"), std::string("a,b"), std::string("a|b"), std::string(65, 'x')}) {
        EXPECT_EQ(
            refused(zone.tell(ApproveGrants{admin(), {voucher_offer("V1", bad, gpu_hours(5))}})),
            Code::BadField)
            << bad;
    }
}

TEST(GrantRules, ARuleOfTheProgrammeRefusesAGrantWithItsNumbers) {
    Zone zone;

    const Outcome too_much = zone.tell(ApproveGrants{admin(), {offer("G9", gpu_hours(10'001))}});
    const Outcome too_long =
        zone.tell(ApproveGrants{admin(), {offer("G9", gpu_hours(1), days(801))}});

    EXPECT_EQ(refused(too_much), Code::GrantNotAllowed);
    const std::string said = text(*too_much.refusal, Language::English);
    EXPECT_NE(said.find("10001 GPUh is over the maximum of free, 10000 GPUh"), std::string::npos)
        << said;
    EXPECT_EQ(refused(too_long), Code::GrantNotAllowed);
    EXPECT_EQ(zone.machine.state().truth.ledger.find(GrantId{"G9"}), nullptr);
}

TEST(GrantRules, AnExtensionStaysInsideTheProgrammeToo) {
    Zone zone;

    const Outcome out = zone.tell(ExtendGrant{
        admin(), {.id = GrantId{"G1"}, .add = gpu_hours(9'901), .decision_ref = "3/QD"}});
    const Outcome in = zone.tell(ExtendGrant{
        admin(), {.id = GrantId{"G1"}, .add = gpu_hours(9'900), .decision_ref = "3/QD"}});

    EXPECT_EQ(refused(out), Code::GrantNotAllowed);
    EXPECT_FALSE(in.refusal.has_value());
    EXPECT_EQ(zone.grant("G1").granted, gpu_hours(10'000));
}

TEST(GrantImport, OneBadRowImportsNothing) {
    Zone zone;

    const Outcome outcome = zone.tell(ApproveGrants{
        admin(), {offer("G7", gpu_hours(1)), offer("G8", gpu_hours(10'001))}, {2, 5}});

    EXPECT_EQ(refused(outcome), Code::BadImport);
    EXPECT_NE(text(*outcome.refusal, Language::English).find("line 5: L210"), std::string::npos);
    EXPECT_EQ(zone.machine.state().truth.ledger.find(GrantId{"G7"}), nullptr);
}

TEST(GrantRequests, BelowTheBoundThePolicyApprovesAtOnce) {
    Zone zone;  // The bound is 10,000 hours, and G1 has 100 of them.

    const Outcome outcome = zone.tell(request(gpu_hours(9'900)));

    ASSERT_FALSE(outcome.refusal.has_value());
    EXPECT_EQ(record(zone, outcome.request).state, RequestState::Approved);
    EXPECT_TRUE(record(zone, outcome.request).decided_by.empty());
    EXPECT_EQ(zone.grant("RQ-1").free, gpu_hours(9'900));
}

TEST(GrantRequests, AboveItAnAdminDecidesOnce) {
    Zone zone;
    const Outcome asked = zone.tell(request(gpu_hours(9'901)));
    EXPECT_EQ(record(zone, asked.request).state, RequestState::Waiting);

    const DecideGrantRequest approval{.who = admin(),
                                      .number = asked.request,
                                      .approve = true,
                                      .reason = "",
                                      .decision_ref = "7/QD",
                                      .grant = GrantId{"DN-7"}};
    const Outcome approved = zone.tell(approval);
    const Outcome again = zone.tell(approval);

    EXPECT_FALSE(approved.refusal.has_value());
    EXPECT_EQ(zone.grant("DN-7").decision_ref, "7/QD");
    EXPECT_EQ(zone.grant("DN-7").granted, gpu_hours(9'901));
    EXPECT_EQ(refused(again), Code::GrantRequestDecidedAlready);
}

TEST(GrantRequests, ARefusalNeedsItsReasonAndOpensNothing) {
    Zone zone;
    const Outcome asked = zone.tell(request(gpu_hours(9'901)));
    DecideGrantRequest refusal{.who = admin(),
                               .number = asked.request,
                               .approve = false,
                               .reason = "",
                               .decision_ref = "",
                               .grant = {}};

    EXPECT_EQ(refused(zone.tell(refusal)), Code::BadField);
    refusal.reason = "the same was asked in March";
    EXPECT_FALSE(zone.tell(refusal).refusal.has_value());

    EXPECT_EQ(record(zone, asked.request).state, RequestState::Refused);
    EXPECT_EQ(record(zone, asked.request).reason, "the same was asked in March");
    EXPECT_EQ(zone.machine.state().truth.ledger.find(GrantId{"RQ-1"}), nullptr);
}

TEST(GrantRequests, OnlyThoseThatWaitCanBeDecided_L211) {
    Zone zone;

    const Outcome outcome =
        zone.tell(DecideGrantRequest{.who = admin(), .number = 7, .approve = true});

    ASSERT_TRUE(outcome.refusal);
    EXPECT_EQ(outcome.refusal->code, Code::UnknownGrantRequest);
    EXPECT_EQ(text(*outcome.refusal, Language::English), "request RQ-7 is not known");
}

TEST(GrantRequests, AnEnterpriseHasOnlySoManyWaiting_L213) {
    Zone zone;
    for (int i = 0; i < limits::grant_requests_waiting_max; ++i) {
        ASSERT_FALSE(zone.tell(request(gpu_hours(9'901))).refusal) << i;
    }

    const Outcome outcome = zone.tell(request(gpu_hours(9'901)));

    ASSERT_TRUE(outcome.refusal);
    EXPECT_EQ(outcome.refusal->code, Code::TooManyGrantRequests);
    EXPECT_EQ(text(*outcome.refusal, Language::English),
              "enterprise 0401000001 has 20 requests waiting, the limit is 20");
    EXPECT_EQ(zone.machine.state().truth.requests.size(), 20U);
}

TEST(GrantRequests, OnlyHoldersAskAndOnlyWhatCouldBeGranted) {
    Zone zone;
    RequestGrant by_member = request(gpu_hours(1));
    by_member.who = member_of(sao_mai);
    RequestGrant of_another = request(gpu_hours(1));
    of_another.request.enterprise = song_han;

    EXPECT_EQ(refused(zone.tell(by_member)), Code::Forbidden);
    EXPECT_EQ(refused(zone.tell(of_another)), Code::Forbidden);
    EXPECT_EQ(refused(zone.tell(request(gpu_hours(10'001)))), Code::GrantNotAllowed);
}

TEST(PolicyLife, AFuturePolicyTakesEffectAtItsMoment) {
    Zone zone;
    ApplyPolicy next = next_policy(zone);
    next.policy.price_list[0].vnd_per_gpuh = 54'000;
    const JobId job = zone.submit(job_of(1, 8));
    zone.start_running(job);
    ASSERT_FALSE(zone.tell(next).refusal.has_value());

    EXPECT_EQ(zone.machine.state().truth.policy->id.value, "test-1");
    EXPECT_LE(zone.machine.next_wake(), next.policy.effective_from);
    pass(zone, hours(1) - milliseconds(1));
    EXPECT_EQ(zone.machine.state().truth.policy->id.value, "test-1");
    pass(zone, milliseconds(1));

    const Truth& truth = zone.machine.state().truth;
    EXPECT_EQ(truth.policy->id.value, "test-2");
    EXPECT_FALSE(truth.scheduled.has_value());
    EXPECT_EQ(truth.policy_history.back().effective_at, next.policy.effective_from);
    EXPECT_EQ(truth.books.at(job).terms.rate_vnd_per_gpuh, 27'000);  // I-24
}

TEST(PolicyLife, AnotherPolicyTakesThePlaceOfTheScheduledOne) {
    Zone zone;
    ApplyPolicy next = next_policy(zone);
    zone.tell(next);
    next.policy.id = PolicyId{"test-3"};
    next.policy.effective_from = zone.now + hours(2);

    ASSERT_FALSE(zone.tell(next).refusal.has_value());
    pass(zone, hours(1));
    EXPECT_EQ(zone.machine.state().truth.policy->id.value, "test-1");
    pass(zone, hours(1));

    EXPECT_EQ(zone.machine.state().truth.policy->id.value, "test-3");
    EXPECT_EQ(zone.machine.state().truth.policy_history[1].dropped, "test-3 was applied");
}

TEST(PolicyLife, AScheduledPolicyThatNoLongerFitsTheBooksIsDropped) {
    Zone zone;
    ApplyPolicy next = next_policy(zone);
    next.policy.enterprises[0].grants[0].id = GrantId{"G1"};
    PolicyGrant taken = next.policy.enterprises[1].grants[0];
    taken.id = GrantId{"G5"};
    next.policy.enterprises[1].grants.push_back(taken);
    ASSERT_FALSE(zone.tell(next).refusal.has_value());
    ASSERT_FALSE(zone.tell(ApproveGrants{admin(), {offer("G5", gpu_hours(1))}}).refusal);

    pass(zone, hours(1));

    const Truth& truth = zone.machine.state().truth;
    EXPECT_EQ(truth.policy->id.value, "test-1");
    EXPECT_FALSE(truth.scheduled.has_value());
    EXPECT_NE(truth.policy_history.back().dropped.find("P062"), std::string::npos);
}

TEST(PolicyLife, ReplayGivesTheSamePoliciesAndRequests) {
    Zone zone;
    zone.tell(next_policy(zone));
    zone.tell(request(gpu_hours(9'901)));
    zone.tell(request(gpu_hours(5)));
    pass(zone, hours(1));

    Machine again{ZoneId{"test"}};
    for (const Stamped& fact : zone.history) {
        again.replay(fact);
    }

    const Truth& first = zone.machine.state().truth;
    const Truth& second = again.state().truth;
    EXPECT_EQ(first.policy, second.policy);
    EXPECT_EQ(first.policy_history, second.policy_history);
    EXPECT_EQ(first.requests, second.requests);
    EXPECT_EQ(first.next_request, second.next_request);
    EXPECT_EQ(first.ledger.state(), second.ledger.state());
}

TEST(IdleClass, NeedsAGrantThatIsOpenNow) {
    Zone zone;
    ApplyPolicy next = next_policy(zone);
    Qos idle{.id = QosId{"nhan-roi"}, .factor_permille = 0, .tier = 0};
    idle.time_limit = hours(4);
    idle.needs_live_grant = true;
    next.policy.qos.push_back(idle);
    next.policy.programmes[0].qos.push_back(idle.id);
    ASSERT_FALSE(zone.tell(next).refusal.has_value());
    pass(zone, hours(1));
    JobSpec job = job_of(1, 8);
    job.qos = idle.id;
    const SubmitJob submit{.who = member_of(sao_mai), .spec = job, .key = ""};

    EXPECT_FALSE(zone.tell(submit).refusal.has_value());
    zone.tell(ChangeGrant{admin(), GrantId{"G1"}, GrantVerb::Suspend, "report late"});
    const Outcome refusal = zone.tell(submit);

    EXPECT_EQ(refused(refusal), Code::NoLiveGrant);
    EXPECT_NE(text(*refusal.refusal, Language::English).find("G1 suspended"), std::string::npos);
    zone.round();
    EXPECT_EQ(phase_name(zone.job(JobId{1})->phase), "queued");  // Asked again at the start.
    zone.tell(ChangeGrant{admin(), GrantId{"G1"}, GrantVerb::Resume, ""});
    zone.round();
    EXPECT_EQ(phase_name(zone.job(JobId{1})->phase), "starting");
}

TEST(OtherGpus, ANodeOfAnotherModelIsNamedAndGetsNoJobs) {
    Zone zone(0);
    Hello hello;
    hello.run = 1;
    hello.number = 1;
    hello.node = "n1";
    hello.instance = "i";
    hello.inventory = eight_gpus("n1");
    const JobId job = zone.submit(job_of(1, 8));
    for (Gpu& gpu : hello.inventory.gpus) {
        gpu.model = GpuModel{"l4"};
    }
    ASSERT_FALSE(zone.tell(RegisterNode{hello}).refusal.has_value());
    zone.round();

    const Truth& truth = zone.machine.state().truth;
    const auto mismatch = gpu_mismatch(*truth.policy, truth.nodes.at(NodeId{1}));
    ASSERT_TRUE(mismatch.has_value());
    EXPECT_EQ(
        text(*mismatch, Language::English),
        "node n1 of gpu reports l4, the policy says h100; 1 such nodes of it take none of its "
        "jobs");
    EXPECT_EQ(phase_name(zone.job(job)->phase), "queued");
    const auto why = zone.machine.borrow().scheduler.why(job, zone.now);
    ASSERT_TRUE(why.has_value());
    EXPECT_EQ(why->code, Code::OtherGpuModel);
}

}  // namespace
}  // namespace khu
