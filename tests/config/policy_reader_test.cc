#include "config/policy_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "config/default_policy.h"
#include "config/print.h"
#include "tests/config/policy_texts.h"

namespace khu::config {
namespace {

const EnterpriseId song_han{"0401000001"};
const GrantId kn_grant{"DN-2026-0107"};

Policy example() {
    Expected<Policy, std::vector<Complaint>> policy = read_policy(example_text(), "example");
    EXPECT_TRUE(policy.has_value());
    return policy ? std::move(*policy) : Policy{};
}

/// "P020 policy.supersedes" for each error, in order.
std::vector<std::string> errors(const PolicyCheck& check) {
    std::vector<std::string> out;
    for (const Complaint& complaint : check.complaints) {
        if (complaint.severity == Severity::Error) {
            out.push_back(complaint.code + " " + complaint.path);
        }
    }
    return out;
}

std::vector<std::string> errors_of(std::string_view text) {
    return errors(check_policy(text, "p.yaml", {}));
}

using Lines = std::vector<std::string>;

TEST(PolicyExample, SaysWhatItSays) {
    const Policy policy = example();

    EXPECT_EQ(policy.id, PolicyId("dn-cvpm2-2026.2"));
    EXPECT_EQ(format_local(policy.effective_from, 420), "2026-04-01T00:00:00+07:00");
    EXPECT_EQ(find_partition(policy, PartitionId("gpu-h100"))->nodes.size(), 16U);
    EXPECT_EQ(find_partition(policy, PartitionId("cpu"))->share.mode, ShareMode::MaxOf);
    EXPECT_EQ(find_qos(policy, QosId("gap"))->factor_permille, 1500);
    EXPECT_EQ(find_funder(policy, FunderId("prov-da-nang"))->budget, Mvnd{4'000'000'000'000});
    EXPECT_EQ(rate_vnd_per_gpuh(policy, policy.effective_from), 27'000);
    const Enterprise* enterprise = enterprise_of(policy, UserId("u-91bc"));
    ASSERT_NE(enterprise, nullptr);
    EXPECT_EQ(enterprise->id, song_han);
    EXPECT_EQ(enterprise->grants[1].amount, gpu_hours(5000));
    EXPECT_EQ(format_local(enterprise->grants[1].window.to, 420), "2027-04-01T00:00:00+07:00");
    EXPECT_EQ(enterprise->zones[0].window.to, kNever);
    EXPECT_EQ(policy.reports.retention.per_user_months, 12);
}

TEST(PolicyExample, EveryShippedExampleHasNoErrors) {
    int files = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(KHU_SOURCE_DIR "/config/examples")) {
        const PolicyCheck check = check_policy(file_text(entry.path()), entry.path(), {});
        EXPECT_EQ(errors(check), Lines{}) << entry.path();
        ++files;
    }
    EXPECT_GE(files, 2);
}

TEST(PolicyExample, WhatAFreshZoneStartsWithIsAPolicy) {
    const PolicyCheck check = check_policy(default_policy_text(ZoneId("my-zone")), "default", {});
    EXPECT_TRUE(check.complaints.empty());
    ASSERT_TRUE(check.policy.has_value());
    EXPECT_TRUE(is_start_policy(*check.policy));
    EXPECT_FALSE(is_start_policy(example()));
}

TEST(PolicyReader, FindsEveryProblemInOneRun) {
    std::string text = example_text();
    text = changed(text, "qos: [thuong]", "qos: [thuongg]");
    text = changed(text, "amount: \"5000 GPUh\"", "amount: \"5000\"");
    text = changed(text, "{nat-quy-ai: \"50%\", prov-da-nang: \"30%\"",
                   "{nat-quy-al: \"50%\", prov-da-nang: \"30%\"");

    const PolicyCheck check = check_policy(text, "p.yaml", {});

    EXPECT_EQ(errors(check),
              (Lines{"P030 programmes.kn-80.split.nat-quy-al", "P030 programmes.thu-nghiem.qos[0]",
                     "P010 enterprises.0401000001.grants.DN-2026-0107.amount"}));
    EXPECT_FALSE(check.policy.has_value());
    EXPECT_EQ(show(check.complaints[0], Language::English).substr(0, 57),
              "p.yaml:94:13: P030 programmes.kn-80.split.nat-quy-al: 'na");
}

TEST(PolicyReader, AMeterIsOfAServiceOfTheZoneAndItsSplitIsWhole) {
    const auto with = [](const std::string& meter) {
        return check_policy(example_text() + "\nmeters:\n  vcpu: " + meter + "\n", "p.yaml", {});
    };
    const PolicyCheck good = with(
        "{service: ai-training, unit: vcpu-hour, price: \"500 VND\", split: {enterprise: "
        "\"50%\", nat-quy-ai: \"50%\"}}");
    ASSERT_TRUE(good.policy.has_value()) << show(good.complaints[0], Language::English);
    EXPECT_EQ(good.policy->meters.at(0).price, Mvnd{500'000});
    EXPECT_EQ(good.policy->meters.at(0).split.size(), 2U);
    EXPECT_EQ(read_policy(print(*good.policy), "again").value(), *good.policy);

    EXPECT_EQ(errors(with("{service: clowd, unit: vcpu-hour, price: \"500 VND\", split: "
                          "{enterprise: \"10%\", nat-quy-al: \"20%\", nat-quy-ai: \"60%\"}}")),
              (Lines{"P030 meters.vcpu.service", "P041 meters.vcpu.split",
                     "P030 meters.vcpu.split.nat-quy-al", "P042 meters.vcpu.split.nat-quy-ai"}));
    EXPECT_EQ(errors(with("{service: ai-training, unit: vcpu-hour, price: \"500\"}")),
              (Lines{"P004 meters.vcpu.split", "P010 meters.vcpu.price"}));
}

TEST(PolicyReader, ACountedResourceIsForThoseWhoAreKnown) {
    const auto with = [](const std::string& resource) {
        return check_policy(example_text() + "\nresources:\n  eda-licence: " + resource + "\n",
                            "p.yaml", {});
    };
    const PolicyCheck good =
        with("{count: 20, kind: bench, max_per_enterprise: 8, programmes: [kn-80]}");
    ASSERT_TRUE(good.policy.has_value()) << show(good.complaints[0], Language::English);
    const CountedResource& read = good.policy->resources.at(0);
    EXPECT_EQ(read.count, 20);
    EXPECT_EQ(read.kind, ResourceKind::Bench);
    EXPECT_EQ(read.max_per_enterprise, 8);
    EXPECT_EQ(read_policy(print(*good.policy), "again").value(), *good.policy);

    EXPECT_EQ(errors(with("{count: 1, programmes: [kn-81], enterprises: [\"0401999999\"]}")),
              (Lines{"P030 resources.eda-licence.programmes[0]",
                     "P030 resources.eda-licence.enterprises[0]"}));
    EXPECT_EQ(errors(with("{kind: bench}")), (Lines{"P004 resources.eda-licence.count"}));
    EXPECT_EQ(errors(with("{count: 0}")).size(), 1U);
    EXPECT_EQ(errors(with("{count: 100001}")).size(), 1U);
    EXPECT_EQ(errors(with("{count: 1, max_per_enterprise: 0}")).size(), 1U);
    EXPECT_EQ(errors(with("{count: 1, kind: key}")).size(), 1U);
    EXPECT_EQ(errors(with("{count: 1, price: 5}")).size(), 1U);
}

TEST(PolicyReader, StrictRefusesWarningsToo) {
    EXPECT_TRUE(check_policy(example_text(), "p", {}, false).policy.has_value());
    EXPECT_FALSE(check_policy(example_text(), "p", {}, true).policy.has_value());
}

// --- Texts that are no policy at all
// --------------------------------------------------------------

TEST(PolicyReader, AnEmptyTextIsNoDocument) {
    EXPECT_EQ(errors_of(""), Lines{"P002 "});
    EXPECT_EQ(errors_of("# nothing\n"), Lines{"P002 "});
    EXPECT_EQ(errors_of("---\n...\n"), Lines{"P002 "});
    EXPECT_EQ(errors_of("[]"), Lines{"P017 "});
    EXPECT_EQ(errors_of("{}").front(), "P004 khu_policy");
}

TEST(PolicyReader, AcceptsAByteOrderMarkAndWindowsLineEnds) {
    std::string text = "\xEF\xBB\xBF" + example_text();
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) {
        text.replace(at, 1, "\r\n");
    }
    const auto policy = read_policy(text, "p.yaml");
    ASSERT_TRUE(policy.has_value()) << show(policy.error()[0], Language::English);
    EXPECT_EQ(*policy, example());
}

TEST(PolicyReader, RefusesInvalidUtf8AndControlCharactersWithTheirPlace) {
    const auto place = [](const std::string& text) {
        const auto policy = read_policy(text, "p.yaml");
        return policy ? std::string("read") : show(policy.error()[0], Language::English);
    };
    EXPECT_EQ(place("a: 1\nb: \xC3\x28"), "p.yaml:2:4: P008: invalid UTF-8");
    EXPECT_EQ(place("a: \xED\xA0\x80"), "p.yaml:1:4: P008: invalid UTF-8");
    EXPECT_EQ(place("a: \xF5\x80\x80\x80"), "p.yaml:1:4: P008: invalid UTF-8");
    EXPECT_EQ(place("a: \xC0\xAF"), "p.yaml:1:4: P008: invalid UTF-8");
    EXPECT_EQ(place("é: \x1b[2J"), "p.yaml:1:4: P008: control character U+001B");
    EXPECT_EQ(place(std::string("a: \0b", 5)), "p.yaml:1:4: P008: control character U+0000");
}

TEST(PolicyReader, RefusesWhatIsTooLargeOrTooDeepQuickly) {
    const auto begin = std::chrono::steady_clock::now();

    EXPECT_EQ(errors_of(std::string((16 << 20) + 1, ' ')), Lines{"P006 "});
    EXPECT_EQ(errors_of(std::string(200'000, '[')), Lines{"P006 "});
    EXPECT_EQ(errors_of(std::string(200'000, '{')), Lines{"P006 "});
    std::string deep;
    for (int i = 0; i < 1000; ++i) {
        deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
    }
    EXPECT_EQ(errors_of(deep), Lines{"P006 "});
    std::string many = "a: [";
    for (int i = 0; i < 1'000'001; ++i) {
        many += "1,";
    }
    EXPECT_EQ(errors_of(many + "1]"), Lines{"P006 "});

    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(took, std::chrono::seconds(20)) << "about 1 s on the machine this was written on";
}

TEST(PolicyReader, AnAliasBombIsRefusedWithoutBeingExpanded) {
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 9; ++i) {
        bomb += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i,
                            i - 1);
    }
    const Lines found = errors_of(bomb);
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(std::count(found.begin(), found.end(), "P005 a0"), 1);
    EXPECT_LE(found.size(), 200U);
}

TEST(PolicyReader, AnotherSchemaIsNotJudgedByThisOne) {
    EXPECT_EQ(errors_of("khu_policy: 2\nfuture: {a: b}\n"), Lines{"P001 khu_policy"});
}

TEST(PolicyReader, BooleansAreOnlyTrueAndFalse) {
    for (const char* word : {"no", "off", "n", "True", "1"}) {
        const std::string text = changed(example_text(), "no_backfill_hold: true",
                                         fmt::format("no_backfill_hold: {}", word));
        EXPECT_EQ(errors_of(text), Lines{"P018 qos.nhan-roi.no_backfill_hold"}) << word;
    }
}

// --- Against the policy in force
// -------------------------------------------------------------------

/// The next policy of the example, half a year later.
Policy next_policy() {
    Policy next = example();
    next.id = PolicyId("dn-cvpm2-2026.3");
    next.supersedes = PolicyId("dn-cvpm2-2026.2");
    next.effective_from = next.effective_from + days(183);
    return next;
}

struct Running {
    Policy policy = example();
    ReviewContext context;

    Running() {
        context.running = &policy;
        context.now = policy.effective_from + days(100);
    }
    [[nodiscard]] Lines check(const Policy& next) const {
        return errors(check_policy(print(next), "next.yaml", context));
    }
};

TEST(PolicyInForce, TheNextOneIsAccepted) {
    EXPECT_EQ(Running().check(next_policy()), Lines{});
}

TEST(PolicyInForce, MustBeTheOneSuperseded) {
    Policy next = next_policy();
    next.supersedes = PolicyId("dn-cvpm2-2026.1");
    EXPECT_EQ(Running().check(next), Lines{"P020 policy.supersedes"});
}

TEST(PolicyInForce, NothingTakesEffectInThePast) {
    Policy next = next_policy();
    const Running running;
    next.effective_from = running.context.now;
    EXPECT_EQ(running.check(next), Lines{"P021 policy.effective_from"});
    next.effective_from = running.context.now + seconds(1);
    EXPECT_EQ(running.check(next), Lines{});
}

TEST(PolicyInForce, TheFirstPolicyMayTakeEffectInThePast) {
    ReviewContext context;
    context.now = example().effective_from + days(100);
    EXPECT_EQ(errors(check_policy(example_text(), "first", context)), Lines{});

    Policy start;
    start.id = PolicyId("dn-cvpm2-default");
    start.zone.id = ZoneId("dn-cvpm2");
    context.running = &start;
    EXPECT_EQ(errors(check_policy(example_text(), "first", context)), Lines{})
        << "what a fresh khud starts with is no decision";
}

TEST(PolicyInForce, IdsAreNeverReused) {
    Policy next = next_policy();
    next.id = PolicyId("dn-cvpm2-2025.1");
    Running running;
    EXPECT_EQ(running.check(next), Lines{});
    running.context.used_ids = {PolicyId("dn-cvpm2-2025.1")};
    EXPECT_EQ(running.check(next), Lines{"P022 policy.id"});
    next.id = running.policy.id;
    EXPECT_EQ(running.check(next), Lines{"P022 policy.id"});
}

TEST(PolicyInForce, AnotherZonesPolicyIsRefused) {
    Policy next = next_policy();
    next.zone.id = ZoneId("dn-cvpm3");
    const Lines found = Running().check(next);
    EXPECT_EQ(found.front(), "P030 zone.id");
}

TEST(PolicyInForce, AGrantIsNotLoweredBelowWhatIsUsedOrHeld) {
    Policy next = next_policy();
    Running running;
    running.context.grants[kn_grant] = {song_han, gpu_hours(4112), true, true};
    next.enterprises[0].grants[1].amount = gpu_hours(4111);
    EXPECT_EQ(running.check(next), Lines{"P060 enterprises.0401000001.grants.DN-2026-0107.amount"});
    next.enterprises[0].grants[1].amount = gpu_hours(4112);
    EXPECT_EQ(running.check(next), Lines{});
}

TEST(PolicyInForce, ALiveGrantDoesNotEndInThePast) {
    Policy next = next_policy();
    Running running;
    running.context.grants[kn_grant] = {song_han, Atoms{}, true, true};
    next.enterprises[0].grants[1].window.to = next.enterprises[0].grants[1].window.from + days(99);
    EXPECT_EQ(running.check(next), Lines{"P060 enterprises.0401000001.grants.DN-2026-0107.to"});
}

TEST(PolicyInForce, MoneyIsNotLoweredBelowWhatIsSpentOrHeld) {
    Policy next = next_policy();
    Running running;
    const std::string funder = next.funders[0].id.value;
    running.context.funders_used[next.funders[0].id] = next.funders[0].budget;
    running.context.credit_used[next.enterprises[1].id] = next.enterprises[1].wallet.credit_limit;
    EXPECT_EQ(running.check(next), Lines{});
    next.funders[0].budget -= Mvnd{1000};
    EXPECT_EQ(running.check(next), Lines{"P060 funders." + funder + ".budget"});
    next.funders[0].budget += Mvnd{1000};
    next.enterprises[1].wallet.credit_limit -= Mvnd{1000};
    EXPECT_EQ(running.check(next), Lines{"P060 enterprises.0401000002.wallet"});
}

TEST(PolicyInForce, ALiveGrantDoesNotDisappear) {
    Policy next = next_policy();
    Running running;
    running.context.grants[kn_grant] = {song_han, gpu_hours(1), true, true};
    next.enterprises[0].grants.pop_back();
    EXPECT_EQ(running.check(next), Lines{"P060 enterprises.0401000001.grants"});
    running.context.grants[kn_grant].live = false;
    EXPECT_EQ(running.check(next), Lines{});
}

TEST(PolicyInForce, AVoucherOpensOneGrantOnce) {
    const std::string key = "enterprises.0401000002.grants.DN-2026-0141.voucher";
    Policy next = next_policy();
    Running running;
    GrantUse opened{.enterprise = next.enterprises[1].id, .used_and_held = Atoms{}, .live = true};
    opened.voucher = "VC-2026-0031";
    running.context.grants[GrantId("DN-2026-0141")] = opened;
    running.context.vouchers = {{"VC-2026-0031", GrantId("DN-2026-0141")}};
    EXPECT_EQ(running.check(next), Lines{}) << "it is its own";

    next.enterprises[1].grants[1].voucher = "VC-2026-0032";
    EXPECT_EQ(running.check(next), Lines{"P065 " + key}) << "what was opened keeps its voucher";

    running.context.grants.clear();
    running.context.vouchers = {{"VC-2026-0032", GrantId("DN-2025-0007")}};
    EXPECT_EQ(running.check(next), Lines{"P065 " + key}) << "it was redeemed for another grant";
}

TEST(PolicyInForce, AGrantMadeByCommandNeedNotBeInTheFile) {
    Running running;
    running.context.grants[GrantId("DN-2026-0999")] = {song_han, gpu_hours(1), true, false};
    EXPECT_EQ(running.check(next_policy()), Lines{});
}

TEST(PolicyInForce, AnEnterpriseWithLiveGrantsIsNotRemoved) {
    Policy next = next_policy();
    Running running;
    running.context.grants[kn_grant] = {song_han, gpu_hours(1), true, true};
    next.enterprises.erase(next.enterprises.begin());
    EXPECT_EQ(running.check(next), Lines{"P063 enterprises"});
}

TEST(PolicyInForce, AGrantIdOfTheLedgerBelongsToItsEnterprise) {
    Policy next = next_policy();
    Running running;
    running.context.grants[GrantId("DN-2026-0200")] = {EnterpriseId("0401000002"), Atoms{}, false,
                                                       true};
    next.enterprises[0].grants[1].id = GrantId("DN-2026-0200");
    EXPECT_EQ(running.check(next), Lines{"P062 enterprises.0401000001.grants.DN-2026-0200.id"});
}

TEST(PolicyInForce, WhatWasGrantedIsNotJudgedAgainByNewerRules) {
    Policy next = next_policy();
    next.programmes[1].grant.max = gpu_hours(4000);
    EXPECT_EQ(Running().check(next), Lines{});
    next.enterprises[0].grants[1].amount = gpu_hours(5001);
    EXPECT_EQ(Running().check(next),
              Lines{"P061 enterprises.0401000001.grants.DN-2026-0107.amount"});
}

}  // namespace
}  // namespace khu::config
