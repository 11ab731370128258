/// Rules from above a running zone: they bind from their moment on, hold the policy in force to
/// them, and are cited by what they refuse.

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "core/machine/citing.h"
#include "core/machine/layers.h"
#include "tests/core/machine/bounds.h"
#include "tests/core/machine/zone_books.h"

namespace khu {
namespace {

using testing::admin;
using testing::at_most;
using testing::job_of;
using testing::member_of;
using testing::sao_mai;
using testing::small_policy;
using testing::Zone;

/// So many GPUs a job, on line 9 of the text.
LayerRules rules(const std::string& id, const std::string& supersedes, std::int64_t gpus,
                 Moment from) {
    LayerRules made;
    made.id = PolicyId{id};
    made.layer = Layer::Province;
    made.supersedes = PolicyId{supersedes};
    made.effective_from = from;
    made.decision_ref = "1/QD";
    made.bounds = {at_most({"programmes", "*", "limits", "max_gpus_per_job"}, gpus, 9)};
    return made;
}

Outcome bring(Zone& zone, const LayerRules& made) {
    return zone.tell(ApplyLayer{.who = admin(), .rules = made, .text = "l"});
}

std::string field_of(const Outcome& outcome) {
    return outcome.refusal ? std::get<std::string>(outcome.refusal->data.front().value) : "";
}

Outcome ask(Zone& zone, int gpus) {
    return zone.tell(SubmitJob{.who = member_of(sao_mai), .spec = job_of(1, gpus), .key = ""});
}

/// Eight GPUs a job.
Policy second_policy(Moment from) {
    Policy next = small_policy();
    next.id = PolicyId{"test-2"};
    next.supersedes = PolicyId{"test-1"};
    next.effective_from = from;
    next.programmes.front().limits.max_gpus_per_job = 8;
    return next;
}

int most(const Zone& zone) {
    return zone.machine.state().truth.policy->programmes.front().limits.max_gpus_per_job;
}

TEST(Layers, BindAtTheirMomentAndAreCited) {
    Zone zone;
    ASSERT_FALSE(bring(zone, rules("dn-1", "", 4, zone.now + hours(1))).refusal);
    EXPECT_EQ(zone.machine.state().next_wake() <= zone.now + hours(1), true);
    EXPECT_FALSE(ask(zone, 8).refusal);
    EXPECT_EQ(most(zone), 0);

    testing::go(zone, zone.now + hours(1));

    EXPECT_EQ(most(zone), 4);
    const Outcome refused = ask(zone, 8);
    ASSERT_TRUE(refused.refusal);
    EXPECT_EQ(refused.refusal->code, Code::OverLimit);
    EXPECT_EQ(cited_source(*refused.refusal), (RuleSource{Layer::Province, "dn-1", 9}));
    EXPECT_FALSE(ask(zone, 4).refusal);
}

TEST(Layers, WhatRunsRunsOnAtThePriceOfItsStart) {
    Zone zone;
    const JobId job = zone.submit(job_of(1, 8));
    LayerRules province = rules("dn-1", "", 4, zone.now);
    province.bounds.push_back(at_most({"units", "price_list", "*", "rate"}, 1000, 10));
    ASSERT_FALSE(bring(zone, province).refusal);

    EXPECT_EQ(zone.machine.state().truth.policy->price_list.front().vnd_per_gpuh, 1000);
    zone.run_to_end(job, hours(1));
    const std::vector<UsageRow> rows = testing::rows_of(zone, job);
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows.front().rate_vnd_per_gpuh, 27'000);
}

TEST(Layers, TheNextOfTheLevelTakesThePlaceOfTheOneBefore) {
    Zone zone;
    ASSERT_FALSE(bring(zone, rules("dn-1", "", 4, zone.now)).refusal);
    ASSERT_FALSE(bring(zone, rules("dn-2", "dn-1", 6, zone.now + hours(1))).refusal);
    EXPECT_EQ(most(zone), 4);

    testing::go(zone, zone.now + hours(1));

    EXPECT_EQ(most(zone), 6) << "it is held to the policy as it was written";
    EXPECT_EQ(written_policy(zone.machine.state().truth).programmes.front().limits.max_gpus_per_job,
              0);
}

TEST(Layers, OneThatDoesNotBindYetGivesWayToWhatBindsSooner) {
    Zone zone;
    const Moment start = zone.now;
    ASSERT_FALSE(bring(zone, rules("dn-1", "", 4, start)).refusal);
    ASSERT_FALSE(bring(zone, rules("dn-2", "dn-1", 6, start + hours(2))).refusal);
    ASSERT_FALSE(bring(zone, rules("dn-3", "dn-2", 5, start + hours(1))).refusal);

    const std::vector<LayerRecord>& records = zone.machine.state().truth.layers.records;
    EXPECT_EQ(records[1].replaced_by, PolicyId{"dn-3"});
    testing::go(zone, start + hours(1));
    EXPECT_EQ(most(zone), 5);
    testing::go(zone, start + hours(3));
    EXPECT_EQ(most(zone), 5);
    EXPECT_FALSE(records[1].binds);
    EXPECT_EQ(field_of(bring(zone, rules("dn-4", "dn-2", 7, zone.now + hours(1)))),
              "layer.supersedes")
        << "what never bound is followed by nothing";
}

TEST(Layers, AScheduledPolicyIsHeldToThoseThatCameAfterIt) {
    Zone zone;
    const Policy next = second_policy(zone.now + hours(2));
    ASSERT_FALSE(zone.tell(ApplyPolicy{.who = admin(), .policy = next, .text = "p"}).refusal);
    ASSERT_FALSE(bring(zone, rules("dn-1", "", 4, zone.now + hours(1))).refusal);

    testing::go(zone, zone.now + hours(2));

    EXPECT_EQ(zone.machine.state().truth.policy->id, next.id);
    EXPECT_EQ(most(zone), 4);
    EXPECT_EQ(written_policy(zone.machine.state().truth), next);
}

TEST(Layers, APolicyThatBreaksThemIsRefused_P073) {
    Zone zone;
    ASSERT_FALSE(bring(zone, rules("dn-1", "", 4, zone.now)).refusal);
    const Policy next = second_policy(zone.now + hours(1));

    const Outcome outcome = zone.tell(ApplyPolicy{.who = admin(), .policy = next, .text = "p"});

    ASSERT_TRUE(outcome.refusal);
    const std::string said = text(*outcome.refusal, Language::English);
    EXPECT_NE(said.find("P073 8, at most 4 is allowed (province dn-1, line 9)"), std::string::npos)
        << said;
}

TEST(Layers, FollowOneAnotherForwardsOnly_H422) {
    Zone zone;
    ASSERT_FALSE(bring(zone, rules("dn-1", "", 4, zone.now - days(1))).refusal);

    EXPECT_EQ(field_of(bring(zone, rules("dn-1", "dn-1", 4, zone.now + hours(1)))), "layer.id");
    EXPECT_EQ(field_of(bring(zone, rules("dn-2", "", 4, zone.now + hours(1)))), "layer.supersedes");
    EXPECT_EQ(field_of(bring(zone, rules("dn-2", "dn-1", 4, zone.now - hours(1)))),
              "layer.effective_from");
    LayerRules elsewhere = rules("hn-1", "dn-1", 4, zone.now + hours(1));
    elsewhere.province = "01";
    EXPECT_EQ(field_of(bring(zone, elsewhere)), "layer.province");
    EXPECT_EQ(zone.tell(ApplyLayer{.who = member_of(sao_mai),
                                   .rules = rules("dn-2", "dn-1", 4, zone.now + hours(1)),
                                   .text = "l"})
                  .refusal->code,
              Code::Forbidden);
}

TEST(Layers, AReplayComesToTheSame) {
    Zone zone;
    ASSERT_FALSE(bring(zone, rules("dn-1", "", 4, zone.now)).refusal);
    ASSERT_FALSE(bring(zone, rules("dn-2", "dn-1", 6, zone.now + hours(1))).refusal);
    testing::go(zone, zone.now + hours(1));
    Machine again(ZoneId{"test"});

    for (const Stamped& fact : zone.history) {
        again.replay(fact);
    }

    EXPECT_EQ(again.state().truth.layers, zone.machine.state().truth.layers);
    EXPECT_EQ(*again.state().truth.policy, *zone.machine.state().truth.policy);
}

// --- Against a model ----------------------------------------------------------------------

/// What a person would keep on a sheet of paper: who binds from when on, the last word on top.
struct Sheet {
    struct Row {
        std::string id;
        Moment from;
        std::int64_t gpus;
    };
    std::vector<Row> rows;  ///< in the order of their moments

    bool add(const LayerRules& made, Moment now) {
        const bool first = rows.empty();
        const bool follows =
            first ? made.supersedes.empty() : made.supersedes.value.str() == rows.back().id;
        // At the moment itself what was there binds already, and stays.
        const bool back =
            !first && (made.effective_from < now || std::ranges::any_of(
                                                        rows,
                                                        [&](const Row& row) {
                                                            return row.from <= now &&
                                                                   row.from >= made.effective_from;
                                                        }));
        if (!follows || back) {
            return false;
        }
        std::erase_if(rows, [&](const Row& row) {
            return row.from > now && row.from >= made.effective_from;
        });
        rows.push_back({made.id.value.str(), made.effective_from, made.bounds.front().number});
        return true;
    }
    [[nodiscard]] std::int64_t at(Moment now) const {
        std::int64_t gpus = 0;
        for (const Row& row : rows) {
            gpus = row.from <= now ? row.gpus : gpus;
        }
        return gpus;
    }
};

RC_GTEST_PROP(LayersProperty, AtEachMomentTheOneOfThatMomentBinds, ()) {
    Zone zone;
    Sheet sheet;
    const int steps = *rc::gen::inRange(1, 12);
    for (int step = 0; step < steps; ++step) {
        const std::string before =
            sheet.rows.empty() || *rc::gen::inRange(0, 8) == 0 ? "" : sheet.rows.back().id;
        const LayerRules made = rules("r-" + std::to_string(step), before, *rc::gen::inRange(1, 9),
                                      zone.now + hours(1) * *rc::gen::inRange(-1, 6));
        const bool fine = sheet.add(made, zone.now);

        RC_ASSERT(bring(zone, made).refusal.has_value() == !fine);
        RC_ASSERT(most(zone) == sheet.at(zone.now));
        testing::go(zone, zone.now + hours(1) * *rc::gen::inRange(0, 3));
        RC_ASSERT(most(zone) == sheet.at(zone.now));
    }
}

}  // namespace
}  // namespace khu
