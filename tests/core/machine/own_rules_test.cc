/// Rules that an enterprise has for its own jobs: they bind nobody else, cite their line, and never
/// loosen what the zone says.

#include "core/machine/own_rules.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "core/base/limits.h"
#include "core/machine/layers.h"
#include "core/machine/policy_forecast.h"
#include "tests/core/machine/bounds.h"
#include "tests/core/machine/counted_zone.h"

namespace khu {
namespace {

using testing::admin;
using testing::at_most;
using testing::code_of;
using testing::job_of;
using testing::member_of;
using testing::rich_policy;
using testing::runs;
using testing::sao_mai;
using testing::song_han;
using testing::Zone;

LayerRules own(const std::string& id, const std::string& supersedes, Moment from,
               std::vector<Bound> bounds, const EnterpriseId& whose = sao_mai) {
    LayerRules made;
    made.id = PolicyId{whose.value + "-" + id};
    made.layer = Layer::Enterprise;
    made.supersedes = supersedes.empty() ? PolicyId{} : PolicyId{whose.value + "-" + supersedes};
    made.effective_from = from;
    made.decision_ref = "1/QD-GD";
    made.bounds = std::move(bounds);
    made.enterprise = whose;
    return made;
}

Bound gpus_a_job(std::int64_t number, int line = 9) {
    return at_most({"programmes", "*", "limits", "max_gpus_per_job"}, number, line);
}
Bound gpus_running(std::int64_t number, int line = 9) {
    return at_most({"programmes", "*", "limits", "max_gpus_running"}, number, line);
}

Identity holder_of(const EnterpriseId& enterprise) {
    return {.user = UserId{"h-1"}, .enterprise = enterprise, .roles = {Role::Holder}};
}

Outcome bring(Zone& zone, const LayerRules& made, const Identity& who = holder_of(sao_mai)) {
    return zone.tell(ApplyLayer{.who = who, .rules = made, .text = "l"});
}

Outcome ask(Zone& zone, int gpus, const EnterpriseId& owner = sao_mai) {
    return zone.tell(SubmitJob{.who = member_of(owner), .spec = job_of(1, gpus), .key = ""});
}

std::string field_of(const Outcome& outcome) {
    return outcome.refusal ? std::get<std::string>(outcome.refusal->data.front().value) : "";
}

std::optional<RuleSource> source_of_wait(const Zone& zone, JobId job) {
    const auto why = zone.machine.state().scheduler.why(job, zone.now);
    return why ? cited_source(*why) : std::nullopt;
}

TEST(OwnRules, BindTheEnterprisesJobsAndNobodyElses) {
    Zone zone(rich_policy());
    ASSERT_FALSE(bring(zone, own("1", "", zone.now + hours(1), {gpus_a_job(4)})).refusal);
    EXPECT_FALSE(ask(zone, 8).refusal) << "they do not bind yet";
    testing::go(zone, zone.now + hours(1));

    const Outcome refused = ask(zone, 8);

    ASSERT_TRUE(refused.refusal);
    EXPECT_EQ(refused.refusal->code, Code::OverLimit);
    EXPECT_EQ(cited_source(*refused.refusal), (RuleSource{Layer::Enterprise, "0401000001-1", 9}));
    EXPECT_NE(text(*refused.refusal, Language::English).find("(enterprise 0401000001-1, line 9)"),
              std::string::npos);
    EXPECT_FALSE(ask(zone, 4).refusal);
    EXPECT_FALSE(ask(zone, 8, song_han).refusal);
}

TEST(OwnRules, HoldBackWhatRunsAtATimeUntilOthersComeInTheirPlace_A116) {
    Zone zone(rich_policy());
    ASSERT_FALSE(bring(zone, own("1", "", zone.now, {gpus_running(8, 12)})).refusal);
    const JobId first = testing::submit(zone, job_of(1, 8));
    const JobId second = testing::submit(zone, job_of(1, 8));
    const JobId others = testing::submit(zone, job_of(1, 8), song_han);

    EXPECT_TRUE(runs(zone, first));
    EXPECT_TRUE(runs(zone, others));
    EXPECT_EQ(code_of(zone, second), "A116");
    EXPECT_EQ(source_of_wait(zone, second), (RuleSource{Layer::Enterprise, "0401000001-1", 12}));

    ASSERT_FALSE(bring(zone, own("2", "1", zone.now + hours(1), {gpus_running(16)})).refusal);
    testing::go(zone, zone.now + hours(1));
    zone.round();
    EXPECT_TRUE(runs(zone, second)) << "it is looked at again when other rules bind";
}

TEST(OwnRules, LimitTheJobsOfOneOfItsUsers_A148) {
    Zone zone(rich_policy());
    ASSERT_FALSE(
        bring(zone, own("1", "", zone.now, {at_most({"qos", "*", "max_jobs_per_user"}, 1, 7)}))
            .refusal);
    testing::submit(zone, job_of(1, 1));
    const JobId second = testing::submit(zone, job_of(1, 1));

    EXPECT_EQ(code_of(zone, second), "A148");
    EXPECT_EQ(source_of_wait(zone, second), (RuleSource{Layer::Enterprise, "0401000001-1", 7}));
}

TEST(OwnRules, CloseAPartitionToItsJobsThatWait_A101) {
    Zone zone(rich_policy(), 0);
    const JobId waits = testing::submit(zone, job_of(1, 1));
    const Bound none{.key = {"programmes", "*", "partitions"},
                     .kind = BoundKind::OneOf,
                     .words = {"cpu"},
                     .written = "[cpu]",
                     .line = 5};
    const LayerRules rules = own("1", "", zone.now, {none});
    const std::vector<Said> seen = forecast_starts(zone.machine.state(), rules);
    ASSERT_FALSE(bring(zone, rules).refusal);
    for (int node = 1; node <= 4; ++node) {
        zone.join(node);
    }
    zone.round();

    EXPECT_EQ(code_of(zone, waits), "A101");
    EXPECT_EQ(source_of_wait(zone, waits), (RuleSource{Layer::Enterprise, "0401000001-1", 5}));
    ASSERT_EQ(seen.size(), 1U) << "and a check had said so";
    EXPECT_TRUE(seen.front().en.starts_with(
        "1 waiting job(s) of 0401000001, the first 1, could not start: A101"))
        << seen.front().en;
}

TEST(OwnRules, LimitWhatItsJobsUseOfACountedResource_A160) {
    Zone zone(testing::counted_policy(4));
    ASSERT_FALSE(bring(zone, own("1", "", zone.now,
                                 {at_most({"resources", "*", "max_per_enterprise"}, 2, 6)}))
                     .refusal);
    const JobId first = testing::submit(zone, testing::with(testing::eda, 2));
    const JobId second = testing::submit(zone, testing::with(testing::eda, 1));
    const JobId others = testing::submit(zone, testing::with(testing::eda, 2), song_han);

    EXPECT_TRUE(runs(zone, first));
    EXPECT_TRUE(runs(zone, others));
    EXPECT_EQ(code_of(zone, second), "A160");
    EXPECT_EQ(source_of_wait(zone, second), (RuleSource{Layer::Enterprise, "0401000001-1", 6}));
    const Outcome never = zone.tell(
        SubmitJob{.who = member_of(sao_mai), .spec = testing::with(testing::eda, 3), .key = ""});
    ASSERT_TRUE(never.refusal);
    EXPECT_EQ(never.refusal->code, Code::OverLimit);
    EXPECT_EQ(cited_source(*never.refusal), (RuleSource{Layer::Enterprise, "0401000001-1", 6}));
    const auto book = [&](const std::string& id, int count) {
        return zone.tell(
            BookCounted{.who = admin(),
                        .what = {.id = id,
                                 .enterprise = sao_mai,
                                 .what = {{testing::eda, count}},
                                 .window = {zone.now + hours(10), zone.now + hours(12)},
                                 .by = {}}});
    };
    EXPECT_FALSE(book("lesson", 1).refusal);
    const Outcome booked = book("more", 2);
    ASSERT_TRUE(booked.refusal) << "three together";
    EXPECT_EQ(cited_source(*booked.refusal), (RuleSource{Layer::Enterprise, "0401000001-1", 6}));
}

TEST(OwnRules, AreForItsHoldersAndTheAdmin_N403) {
    Zone zone(rich_policy());
    const LayerRules rules = own("1", "", zone.now + hours(1), {gpus_a_job(4)});

    const Outcome others = bring(zone, rules, holder_of(song_han));
    ASSERT_TRUE(others.refusal);
    EXPECT_EQ(others.refusal->code, Code::Forbidden);
    const Outcome member = bring(zone, rules, member_of(sao_mai));
    ASSERT_TRUE(member.refusal) << "whoever works there does not set its rules";
    EXPECT_EQ(member.refusal->code, Code::Forbidden);
    EXPECT_FALSE(bring(zone, rules, admin()).refusal);
}

TEST(OwnRules, FollowThoseOfTheSameEnterprise_H422) {
    Zone zone(rich_policy());
    ASSERT_FALSE(bring(zone, own("1", "", zone.now, {gpus_a_job(4)})).refusal);

    EXPECT_FALSE(bring(zone, own("1", "", zone.now, {gpus_a_job(6)}, song_han), admin()).refusal)
        << "the first of another enterprise follows nothing";
    EXPECT_EQ(field_of(bring(zone, own("2", "", zone.now + hours(1), {}))), "layer.supersedes");
    EXPECT_EQ(field_of(bring(zone, own("1", "1", zone.now + hours(1), {}))), "layer.id");
    EXPECT_EQ(
        field_of(bring(zone, own("1", "", zone.now, {}, EnterpriseId{"0401000009"}), admin())),
        "layer.enterprise");
    EXPECT_TRUE(ask(zone, 8).refusal);
    EXPECT_FALSE(ask(zone, 4).refusal) << "the other's are not its own";
    EXPECT_TRUE(ask(zone, 8, song_han).refusal);
    EXPECT_FALSE(ask(zone, 6, song_han).refusal);
}

TEST(OwnRules, ThoseToComeStayThoughAnotherEnterpriseBringsSomeSooner) {
    Zone zone(rich_policy());
    const Moment start = zone.now;
    ASSERT_FALSE(bring(zone, own("1", "", start + hours(2), {gpus_a_job(4)})).refusal);
    ASSERT_FALSE(
        bring(zone, own("1", "", start + hours(1), {gpus_a_job(2)}, song_han), admin()).refusal);

    testing::go(zone, start + hours(2));

    EXPECT_TRUE(ask(zone, 8).refusal);
    EXPECT_TRUE(ask(zone, 4, song_han).refusal);
}

TEST(OwnRules, LimitWhoTakesPart_A149) {
    Policy policy = rich_policy();
    policy.enterprises.front().members.emplace_back("u-9");
    Zone zone(policy);
    ASSERT_FALSE(bring(zone, own("1", "", zone.now,
                                 {at_most({"programmes", "*", "limits", "max_users"}, 1, 8)}))
                     .refusal);
    ASSERT_FALSE(ask(zone, 1).refusal);

    Identity another = member_of(sao_mai);
    another.user = UserId{"u-9"};
    const Outcome refused = zone.tell(SubmitJob{.who = another, .spec = job_of(1, 1), .key = ""});

    ASSERT_TRUE(refused.refusal);
    EXPECT_EQ(refused.refusal->code, Code::TooManyUsers);
    EXPECT_EQ(cited_source(*refused.refusal), (RuleSource{Layer::Enterprise, "0401000001-1", 8}));
}

TEST(OwnRules, DoNotLoosenWhatTheZoneSaysAndStayUnderItsNextPolicy) {
    Policy policy = rich_policy();
    policy.programmes.front().limits.max_gpus_per_job = 2;
    Zone zone(policy);
    ASSERT_FALSE(bring(zone, own("1", "", zone.now, {gpus_a_job(4)})).refusal);
    const Outcome refused = ask(zone, 4);
    ASSERT_TRUE(refused.refusal);
    EXPECT_FALSE(cited_source(*refused.refusal) &&
                 cited_source(*refused.refusal)->layer == Layer::Enterprise)
        << "it is the zone's limit";

    Policy next = rich_policy();
    next.id = PolicyId{"test-2"};
    next.supersedes = PolicyId{"test-1"};
    testing::apply_next(zone, next);

    EXPECT_FALSE(ask(zone, 4).refusal);
    EXPECT_FALSE(ask(zone, 8, song_han).refusal) << "the zone is held to nothing";
    const Outcome own_limit = ask(zone, 8);
    ASSERT_TRUE(own_limit.refusal);
    EXPECT_EQ(cited_source(*own_limit.refusal), (RuleSource{Layer::Enterprise, "0401000001-1", 9}));
}

TEST(OwnRules, OnlyAFewAreToCome_H422) {
    Zone zone(rich_policy());
    const Moment start = zone.now;
    std::string before;
    for (int n = 1; n <= limits::own_rules_to_come; ++n) {
        const std::string id = std::to_string(n);
        ASSERT_FALSE(
            bring(zone, own(id, before, start + hours(1) * n, {gpus_a_job(n % 8 + 1)})).refusal)
            << n;
        before = id;
    }
    EXPECT_EQ(field_of(bring(zone, own("x", before, start + hours(20), {}))),
              "layer.effective_from");
    EXPECT_FALSE(bring(zone, own("y", before, start + minutes(90), {gpus_a_job(3)})).refusal)
        << "it takes the place of all that come later";

    testing::go(zone, start + hours(20));
    EXPECT_TRUE(ask(zone, 4).refusal);
    EXPECT_FALSE(ask(zone, 3).refusal);
    EXPECT_TRUE(zone.machine.state().layers_to_come.empty());
}

TEST(OwnRules, ACheckSpeaksOfItsOwnJobsAlone) {
    Zone zone(testing::counted_policy(), 0);
    testing::submit(zone, testing::with(testing::eda, 1), song_han);
    Policy next = testing::counted_policy();
    next.id = PolicyId{"test-2"};
    next.supersedes = PolicyId{"test-1"};
    next.resources.clear();
    testing::apply_next(zone, next);
    const State& state = zone.machine.state();
    ASSERT_EQ(forecast_starts(state, *state.truth.policy).size(), 1U) << "it can start no more";

    EXPECT_TRUE(forecast_starts(state, own("1", "", zone.now, {gpus_a_job(1)})).empty());
}

TEST(OwnRules, OnlyTheNewestAreKeptWithWhatBindsAndWhatIsToCome) {
    Zone zone(rich_policy());
    ASSERT_FALSE(bring(zone, own("0", "", zone.now, {gpus_a_job(2)})).refusal);
    ASSERT_FALSE(bring(zone, own("h", "", zone.now, {gpus_a_job(6)}, song_han), admin()).refusal);
    ASSERT_FALSE(bring(zone, own("w", "0", zone.now + days(1), {gpus_a_job(2)})).refusal);
    std::string before = "w";
    for (int n = 1; n <= limits::own_rules_kept + 10; ++n) {  // Each takes the last one's place.
        const std::string id = std::to_string(n);
        ASSERT_FALSE(bring(zone, own(id, before, zone.now + days(9), {gpus_a_job(1)})).refusal)
            << n;
        before = id;
    }
    const auto& records = zone.machine.state().truth.layers.records;
    const auto of_sao_mai = std::ranges::count_if(
        records, [](const LayerRecord& each) { return each.rules.enterprise == sao_mai; });
    EXPECT_EQ(of_sao_mai, limits::own_rules_kept);
    EXPECT_FALSE(ask(zone, 2).refusal) << "the oldest binds, and is kept";
    EXPECT_TRUE(ask(zone, 4).refusal);
    EXPECT_TRUE(ask(zone, 8, song_han).refusal) << "nobody else's are forgotten";

    State restored(ZoneId{"test"});
    restored.truth = zone.machine.state().truth;
    restore(restored, zone.now);
    EXPECT_EQ(restored.layers_to_come, zone.machine.state().layers_to_come);
    EXPECT_EQ(restored.layers_to_come.size(), 2U);
    EXPECT_TRUE(restored.own_rules.contains(sao_mai));
    EXPECT_TRUE(restored.own_rules.contains(song_han));
}

TEST(OwnRules, ARestartKnowsThem) {
    Zone zone(rich_policy());
    ASSERT_FALSE(bring(zone, own("1", "", zone.now, {gpus_a_job(4), gpus_running(8)})).refusal);
    Machine again(ZoneId{"test"});
    for (const Stamped& fact : zone.history) {
        again.replay(fact);
    }
    State restored(ZoneId{"test"});
    restored.truth = zone.machine.state().truth;
    restore(restored, zone.now);

    const auto& expected = zone.machine.state().own_rules.at(sao_mai);
    for (const State* state : {&again.state(), static_cast<const State*>(&restored)}) {
        ASSERT_TRUE(state->own_rules.contains(sao_mai));
        EXPECT_EQ(state->own_rules.at(sao_mai).policy, expected.policy);
        EXPECT_EQ(state->own_rules.at(sao_mai).held, expected.held);
    }
}

/// Whatever an enterprise may write, its jobs get no more than everybody's.
RC_GTEST_PROP(OwnRulesProperty, NoBoundLoosensALimit, ()) {
    Policy policy = rich_policy();
    Programme& programme = policy.programmes.front();
    const auto limit = [] { return *rc::gen::inRange(0, 20); };
    programme.limits = {.max_gpus_per_job = limit(),
                        .max_gpus_running = limit(),
                        .max_jobs_queued = limit(),
                        .max_users = limit()};
    policy.qos.front().max_jobs_per_user = limit();
    policy.qos.front().max_gpus_per_enterprise = limit();
    policy.qos.front().max_gpus_per_job = limit();
    Zone zone(policy);
    std::vector<Bound> bounds;
    for (const char* key :
         {"max_gpus_per_job", "max_gpus_running", "max_jobs_queued", "max_users"}) {
        if (*rc::gen::inRange(0, 2) == 0) {
            bounds.push_back(
                at_most({"programmes", "*", "limits", key}, *rc::gen::inRange(1, 20), 3));
        }
    }
    for (const char* key : {"max_jobs_per_user", "max_gpus_per_enterprise", "max_gpus_per_job"}) {
        if (*rc::gen::inRange(0, 2) == 0) {
            bounds.push_back(at_most({"qos", "*", key}, *rc::gen::inRange(1, 20), 4));
        }
    }
    RC_ASSERT(!bring(zone, own("1", "", zone.now, bounds)).refusal.has_value());

    const State& state = zone.machine.state();
    const auto no_more = [](int own_limit, int zones) {
        return zones == 0 || (own_limit > 0 && own_limit <= zones);
    };
    const ProgrammeLimits& all = state.truth.policy->programmes.front().limits;
    const ProgrammeLimits& narrow = policy_for(state, sao_mai).programmes.front().limits;
    RC_ASSERT(no_more(narrow.max_gpus_per_job, all.max_gpus_per_job));
    RC_ASSERT(no_more(narrow.max_gpus_running, all.max_gpus_running));
    RC_ASSERT(no_more(narrow.max_jobs_queued, all.max_jobs_queued));
    RC_ASSERT(no_more(narrow.max_users, all.max_users));
    const Qos& qos = policy_for(state, sao_mai).qos.front();
    RC_ASSERT(no_more(qos.max_jobs_per_user, policy.qos.front().max_jobs_per_user));
    RC_ASSERT(no_more(qos.max_gpus_per_enterprise, policy.qos.front().max_gpus_per_enterprise));
    RC_ASSERT(no_more(qos.max_gpus_per_job, policy.qos.front().max_gpus_per_job));
    RC_ASSERT(policy_for(state, song_han) == *state.truth.policy);
}

}  // namespace
}  // namespace khu
