#include "core/policy/diff.h"

#include <gtest/gtest.h>

namespace khu {
namespace {

Policy zone_with_a_grant() {
    Policy policy;
    policy.utc_offset_minutes = 420;
    Qos qos;
    qos.id = QosId("gap");
    qos.factor_permille = 1500;
    policy.qos = {qos};
    Enterprise enterprise;
    enterprise.id = EnterpriseId("0401000001");
    PolicyGrant grant;
    grant.id = GrantId("DN-1");
    grant.amount = gpu_hours(5000);
    enterprise.grants = {grant};
    policy.enterprises = {enterprise};
    return policy;
}

const PolicyChange* find(const std::vector<PolicyChange>& changes, std::string_view path) {
    for (const PolicyChange& change : changes) {
        if (change.path == path) {
            return &change;
        }
    }
    return nullptr;
}

TEST(PolicyDiff, EqualPoliciesDoNotDiffer) {
    EXPECT_TRUE(diff(zone_with_a_grant(), zone_with_a_grant()).empty());
}

TEST(PolicyDiff, ShowsOldAndNewInTheWordsOfTheFile) {
    const Policy running = zone_with_a_grant();
    Policy next = running;
    next.qos[0].factor_permille = 2005;

    const std::vector<PolicyChange> changes = diff(running, next);

    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(show(changes[0]), "  qos.gap.factor: 150% -> 200.5%");
    EXPECT_EQ(changes[0].meaning_en,
              "for attempts that start from then on; running ones keep their terms");
}

TEST(PolicyDiff, SaysWhatAGrantGainsOrLoses) {
    const Policy running = zone_with_a_grant();
    Policy next = running;
    next.enterprises[0].grants[0].amount = gpu_hours(4400);
    PolicyGrant fresh = next.enterprises[0].grants[0];
    fresh.id = GrantId("DN-2");
    next.enterprises[0].grants.push_back(fresh);

    const std::vector<PolicyChange> changes = diff(running, next);

    const PolicyChange* lowered = find(changes, "enterprises.0401000001.grants.DN-1.amount");
    const PolicyChange* added = find(changes, "enterprises.0401000001.grants.DN-2.amount");
    ASSERT_NE(lowered, nullptr);
    ASSERT_NE(added, nullptr);
    EXPECT_EQ(lowered->meaning_en, "the free amount falls by 600 GPUh");
    EXPECT_EQ(added->meaning_en, "a new grant of 4400 GPUh");
    EXPECT_EQ(show(*added), "+ enterprises.0401000001.grants.DN-2.amount: 4400 GPUh");
}

TEST(PolicyDiff, ShowsWhatIsGone) {
    const Policy running = zone_with_a_grant();
    Policy next = running;
    next.enterprises[0].grants.clear();

    const std::vector<PolicyChange> changes = diff(running, next);

    const PolicyChange* gone = find(changes, "enterprises.0401000001.grants.DN-1.amount");
    ASSERT_NE(gone, nullptr);
    EXPECT_EQ(show(*gone), "- enterprises.0401000001.grants.DN-1.amount: 5000 GPUh");
    EXPECT_EQ(gone->meaning_en, "this grant is closed; what is held runs on, the rest expires");
}

TEST(PolicyDiff, TwoRowsOfOneNameAreComparedEachWithItsOwn) {
    Policy policy = zone_with_a_grant();
    policy.enterprises[0].grants.push_back(policy.enterprises[0].grants[0]);
    policy.enterprises[0].grants[1].amount = gpu_hours(1);
    EXPECT_TRUE(diff(policy, policy).empty());
}

TEST(PolicyDiff, TheRunningKeepWhatTheyUseOfACountedResource) {
    Policy running = zone_with_a_grant();
    running.resources = {{.id = ResourceId{"eda"}, .count = 5}};
    Policy next = running;
    next.resources.front().count = 3;

    const std::vector<PolicyChange> changes = diff(running, next);

    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(explained(changes[0], Language::English),
              "  resources.eda.count: 5 -> 3  (for attempts that start from then on; running ones "
              "keep what they use)");
}

TEST(PolicyDiff, SaysWhatAChangeMeansInTheLanguageAskedFor) {
    const Policy running = zone_with_a_grant();
    Policy next = running;
    next.enterprises[0].grants[0].amount += gpu_hours(10);

    const std::vector<PolicyChange> changes = diff(running, next);

    ASSERT_EQ(changes.size(), 1U);
    const std::string english = explained(changes[0], Language::English);
    const std::string vietnamese = explained(changes[0], Language::Vietnamese);
    EXPECT_TRUE(english.ends_with("  (the free amount rises by 10 GPUh)")) << english;
    EXPECT_TRUE(vietnamese.ends_with("  (phần còn trống tăng 10 GPUh)")) << vietnamese;
}

}  // namespace
}  // namespace khu
