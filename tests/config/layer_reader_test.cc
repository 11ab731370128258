// Rules of the nation and of a province from their text, and the shipped policy under them.
#include "config/layer_reader.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "config/layer_print.h"
#include "config/policy_reader.h"
#include "core/base/limits.h"
#include "tests/config/policy_texts.h"

namespace khu::config {
namespace {

std::string layer_text(const std::string& name) {
    return file_text(KHU_SOURCE_DIR "/examples/layers/" + name);
}

LayerRules read(const std::string& text) {
    auto rules = read_layer(text, "l.yaml");
    EXPECT_TRUE(rules.has_value()) << (rules ? "" : show(rules.error().front(), Language::English));
    return rules ? *std::move(rules) : LayerRules{};
}

std::string with_bounds(const std::string& lines) {
    return "khu_layer: 1\n"
           "layer:\n"
           "  utc_offset: \"+07:00\"\n"
           "  id: dn-1\n"
           "  level: province\n"
           "  effective_from: \"2026-03-01T00:00:00+07:00\"\n"
           "  decision_ref: \"1/QD\"\n"
           "bounds:\n" +
           lines;
}

std::size_t line_with(const std::string& text, const std::string& words) {
    return static_cast<std::size_t>(
               std::count(text.begin(), text.begin() + static_cast<long>(text.find(words)), '\n')) +
           1;
}

TEST(LayerReader, KnowsEachBoundInTheUnitOfItsKey) {
    const LayerRules rules =
        read(with_bounds("  \"programmes.*.grant.max\": {max: \"20000 GPUh\"}\n"
                         "  \"preemption.grace\": {min: 5m}\n"
                         "  \"reports.retention.ledger\": {min: 10y}\n"
                         "  \"qos.*.factor\": {is: \"100%\"}\n"
                         "  \"programmes.*.qos\": {one_of: [thuong, gap]}\n"));

    ASSERT_EQ(rules.bounds.size(), 5U);
    EXPECT_EQ(rules.id, PolicyId{"dn-1"});
    EXPECT_EQ(rules.layer, Layer::Province);
    EXPECT_EQ(rules.bounds[0].key, (std::vector<std::string>{"programmes", "*", "grant", "max"}));
    EXPECT_EQ(rules.bounds[0].number, gpu_hours(20'000).value);
    EXPECT_EQ(rules.bounds[0].written, "20000 GPUh");
    EXPECT_EQ(rules.bounds[0].line, 9);
    EXPECT_EQ(rules.bounds[1].kind, BoundKind::AtLeast);
    EXPECT_EQ(rules.bounds[1].number, minutes(5).value);
    EXPECT_EQ(rules.bounds[2].number, 120);
    EXPECT_EQ(rules.bounds[3].kind, BoundKind::Exactly);
    EXPECT_EQ(rules.bounds[3].number, 1000);
    EXPECT_EQ(rules.bounds[4].words, (std::vector<std::string>{"thuong", "gap"}));
    EXPECT_EQ(rules.bounds[4].written, "[thuong, gap]");
}

TEST(LayerReader, BoundsBothSidesOfOneKey) {
    const LayerRules rules = read(with_bounds("  \"preemption.grace\": {min: 2m, max: 10m}\n"));

    ASSERT_EQ(rules.bounds.size(), 2U);
    EXPECT_EQ(rules.bounds[1].kind, BoundKind::AtMost);
}

TEST(LayerReader, RulesThatBoundNothingTakeAwayThoseBefore) {
    const std::string text = with_bounds("");

    EXPECT_TRUE(read(text.substr(0, text.size() - 1) + " {}\n").bounds.empty());
}

LayerRules without_lines(LayerRules rules) {
    for (Bound& bound : rules.bounds) {
        bound.line = 0;
    }
    return rules;
}

TEST(LayerReader, ReadsWhatIsPrintedAsTheSame) {
    LayerRules odd =
        read(with_bounds("  \"preemption.grace\": {min: 2m, max: 10m}\n"
                         "  \"qos.*.needs_live_grant\": {is: true}\n"
                         "  \"programmes.*.eligible.classes\": {one_of: [startup, sme]}\n"));
    odd.decision_ref = "12/QD \"moi\" \\";
    odd.supersedes = PolicyId{"dn-0"};
    LayerRules empty = odd;
    empty.bounds.clear();
    for (const LayerRules& rules :
         {odd, empty, read(layer_text("national.yaml")), read(layer_text("da-nang.yaml")),
          read(layer_text("enterprise.yaml"))}) {
        EXPECT_EQ(without_lines(read(print(rules))), without_lines(rules)) << print(rules);
    }
}

TEST(LayerReader, AnEnterpriseBoundsWhatItsOwnJobsMayUse) {
    const LayerRules own = read(layer_text("enterprise.yaml"));

    EXPECT_EQ(own.layer, Layer::Enterprise);
    EXPECT_EQ(own.enterprise, EnterpriseId{"0401000001"});
    Policy policy = *check_policy(example_text(), "p.yaml", {}).policy;
    const std::vector<BeyondBound> beyond = tighten(policy, {own});
    EXPECT_EQ(find_qos(policy, QosId{"thuong"})->max_jobs_per_user, 4);
    EXPECT_TRUE(std::ranges::all_of(beyond, &BeyondBound::tightens))
        << "whatever it may bound can be held to its bound";
}

TEST(LayerReader, AnEnterpriseHasOnlySoManyBounds_P006) {
    const std::string text = layer_text("enterprise.yaml");
    std::string many = text.substr(0, text.find("bounds:")) + "bounds:\n";
    for (int n = 0; n < limits::own_bounds_max; ++n) {
        many += "  \"qos.q" + std::to_string(n) + ".max_jobs_per_user\": {max: 1}\n";
    }
    EXPECT_TRUE(read_layer(many, "l.yaml").has_value());

    const auto refused = read_layer(many + "  \"qos.*.max_jobs_per_user\": {max: 1}\n", "l.yaml");

    ASSERT_FALSE(refused.has_value());
    ASSERT_EQ(refused.error().size(), 1U);
    EXPECT_EQ(refused.error().front().code, "P006");
    EXPECT_EQ(refused.error().front().path, "bounds");
    EXPECT_EQ(refused.error().front().text_en, "201 bounds, an enterprise has at most 200");
}

TEST(LayerReader, AnEnterprisesRulesStandAboveNoPolicy_P018) {
    const auto above = read_layer_above(layer_text("enterprise.yaml"), "l.yaml");

    ASSERT_FALSE(above.has_value());
    ASSERT_EQ(above.error().size(), 1U);
    EXPECT_EQ(above.error().front().code, "P018");
    EXPECT_EQ(above.error().front().path, "layer.level");
    EXPECT_TRUE(read_layer_above(layer_text("national.yaml"), "l.yaml").has_value());
}

/// Each of keys_of_enterprises() is a key of the policy, and is tightened where it is beyond.
TEST(LayerReader, WhatAnEnterpriseMayBoundIsAKeyThatTightens) {
    const std::map<std::string, std::string> bounds{
        {"partitions.*.time_limit.max", "{max: 1m}"},
        {"qos.*.time_limit", "{max: 1m}"},
        {"qos.*.max_gpus_per_job", "{max: 1}"},
        {"qos.*.max_gpus_per_enterprise", "{max: 1}"},
        {"qos.*.max_jobs_per_user", "{max: 1}"},
        {"programmes.*.qos", "{one_of: [none-such]}"},
        {"programmes.*.partitions", "{one_of: [none-such]}"},
        {"programmes.*.limits.*", ""},
        {"programmes.*.limits.max_users", "{max: 1}"},
        {"resources.*.max_per_enterprise", "{max: 1}"}};
    const std::string head = layer_text("enterprise.yaml");
    for (const std::string& key : keys_of_enterprises()) {
        ASSERT_TRUE(bounds.contains(key)) << key;
    }
    for (const auto& [key, bound] : bounds) {
        if (bound.empty()) {
            continue;
        }
        const LayerRules own = read(head.substr(0, head.find("bounds:")) + "bounds:\n  \"" + key +
                                    "\": " + bound + "\n");
        Policy policy = *check_policy(example_text(), "p.yaml", {}).policy;
        CountedResource licence;
        licence.id = ResourceId{"eda"};
        licence.count = 4;
        policy.resources = {licence};
        const Policy before = policy;
        const std::vector<BeyondBound> beyond = tighten(policy, {own});
        ASSERT_FALSE(beyond.empty()) << key;
        EXPECT_TRUE(std::ranges::all_of(beyond, &BeyondBound::tightens)) << key;
        EXPECT_NE(policy, before) << key;
        EXPECT_TRUE(tighten(policy, {own}).empty()) << key;
        if (key == "qos.*.time_limit") {
            for (const Qos& each : policy.qos) {
                EXPECT_EQ(each.time_limit, minutes(1)) << "also where the zone sets none";
            }
        }
    }
}

TEST(LayerReader, TheExamplesBindTheShippedPolicy) {
    ReviewContext context;
    context.above = {read(layer_text("national.yaml")), read(layer_text("da-nang.yaml"))};

    const PolicyCheck check = check_policy(example_text(), "p.yaml", context);

    ASSERT_TRUE(check.policy.has_value());
    for (const Complaint& each : check.complaints) {
        EXPECT_EQ(each.code, "P043") << show(each, Language::English);
    }
}

TEST(LayerReader, APolicyBeyondABoundIsRefusedAtBothLines_P073) {
    const std::string nation = layer_text("national.yaml");
    const std::string policy = changed(example_text(), "grace: 5m", "grace: 2m");
    ReviewContext context;
    context.above = {read(nation)};

    const PolicyCheck check = check_policy(policy, "p.yaml", context);

    EXPECT_FALSE(check.policy.has_value());
    const auto found = std::ranges::find(check.complaints, "P073", &Complaint::code);
    ASSERT_NE(found, check.complaints.end());
    EXPECT_EQ(found->path, "preemption.grace");
    EXPECT_EQ(static_cast<std::size_t>(found->line), line_with(policy, "grace: 2m"));
    const std::string at = std::to_string(line_with(nation, "\"preemption.grace\""));
    EXPECT_EQ(text(*found, Language::English),
              "2m, at least 5m is required (national vn-2026.1, line " + at + ")");
    EXPECT_EQ(text(*found, Language::Vietnamese),
              "2m, cần ít nhất 5m (quốc gia vn-2026.1, dòng " + at + ")");
}

TEST(LayerReader, TheRateOfAPriceListHasItsOwnLine_P073) {
    const std::string policy =
        changed(example_text(), "rate: \"27000 VND/GPUh\"", "rate: \"31000 VND/GPUh\"");
    ReviewContext context;
    context.above = {read(layer_text("national.yaml"))};

    const PolicyCheck check = check_policy(policy, "p.yaml", context);

    const auto found = std::ranges::find(check.complaints, "P073", &Complaint::code);
    ASSERT_NE(found, check.complaints.end());
    EXPECT_EQ(found->path, "units.price_list.2026-04-01.rate");
    EXPECT_EQ(static_cast<std::size_t>(found->line), line_with(policy, "31000 VND/GPUh"));
}

}  // namespace
}  // namespace khu::config
