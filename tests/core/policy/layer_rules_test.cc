/// The rules above a zone's policy: what they find, what they tighten, and that it does not matter
/// in which order they came. The model knows two numbers and a list, and nothing of the schema.

#include "core/policy/layer_rules.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>

#include "core/policy/review.h"

namespace khu {
namespace {

constexpr Moment kThen{1'700'000'000'000};

Policy policy_of(int gpus_per_job, Atoms grant) {
    Policy policy;
    policy.zone.province.code = "48";
    policy.effective_from = kThen;
    Programme& programme = policy.programmes.emplace_back();
    programme.id = ProgrammeId{"kn"};
    programme.limits.max_gpus_per_job = gpus_per_job;
    programme.grant.max = grant;
    programme.eligible.classes = {EnterpriseClass::Startup, EnterpriseClass::Sme,
                                  EnterpriseClass::Agency};
    programme.split = {{FunderId{"nat"}, 600}, {FunderId{kEnterprisePayer}, 400}};
    return policy;
}

const Programme& programme_of(const Policy& policy) {
    return policy.programmes.front();
}

Bound bound_of(std::vector<std::string> key, BoundKind kind, std::int64_t number, int line = 1) {
    return {.key = std::move(key),
            .kind = kind,
            .number = number,
            .words = {},
            .written = std::to_string(number),
            .line = line};
}

Bound of_gpus(BoundKind kind, std::int64_t number, int line = 1) {
    return bound_of({"programmes", "*", "limits", "max_gpus_per_job"}, kind, number, line);
}

Bound of_grant(BoundKind kind, Atoms amount) {
    return bound_of({"programmes", "kn", "grant", "max"}, kind, amount.value);
}

LayerRules rules(Layer layer, const std::string& id, std::vector<Bound> bounds) {
    LayerRules made;
    made.id = PolicyId{id};
    made.layer = layer;
    made.effective_from = kThen;
    made.bounds = std::move(bounds);
    return made;
}

TEST(LayerRules, NameTheValueTheBoundAndItsLine) {
    const Policy policy = policy_of(64, gpu_hours(100));
    const LayerRules province =
        rules(Layer::Province, "dn-1", {of_gpus(BoundKind::AtMost, 16, 12)});

    const std::vector<BeyondBound> beyond = beyond_bounds(policy, {province});

    ASSERT_EQ(beyond.size(), 1U);
    EXPECT_EQ(beyond[0].path, "programmes.kn.limits.max_gpus_per_job");
    EXPECT_EQ(beyond[0].value, "64");
    EXPECT_EQ(beyond[0].bound, "16");
    EXPECT_EQ(beyond[0].source, (RuleSource{Layer::Province, "dn-1", 12}));
}

TEST(LayerRules, ALimitThatIsNotSetIsLargerThanAny) {
    Policy policy = policy_of(0, gpu_hours(100));
    const LayerRules most = rules(Layer::National, "vn-1", {of_gpus(BoundKind::AtMost, 16)});
    const LayerRules least = rules(Layer::National, "vn-1", {of_gpus(BoundKind::AtLeast, 16)});

    EXPECT_TRUE(beyond_bounds(policy, {least}).empty());
    ASSERT_EQ(beyond_bounds(policy, {most}).size(), 1U);
    EXPECT_EQ(beyond_bounds(policy, {most})[0].value, "");
    tighten(policy, {most});
    EXPECT_EQ(programme_of(policy).limits.max_gpus_per_job, 16);
}

TEST(LayerRules, TakeWordsOutOfAList) {
    Policy policy = policy_of(8, gpu_hours(100));
    Bound classes{.key = {"programmes", "*", "eligible", "classes"},
                  .kind = BoundKind::OneOf,
                  .number = 0,
                  .words = {"startup", "sme", "large"},
                  .written = "[startup, sme, large]",
                  .line = 3};

    const std::vector<BeyondBound> held =
        tighten(policy, {rules(Layer::Province, "dn-1", {classes})});

    ASSERT_EQ(held.size(), 1U);
    EXPECT_EQ(held[0].value, "agency");
    EXPECT_EQ(programme_of(policy).eligible.classes,
              (std::vector{EnterpriseClass::Startup, EnterpriseClass::Sme}));
}

TEST(LayerRules, LeaveASplitWholeAndSayThatItIsBeyond) {
    Policy policy = policy_of(8, gpu_hours(100));
    const LayerRules nation =
        rules(Layer::National, "vn-1",
              {bound_of({"programmes", "*", "split", "nat"}, BoundKind::AtMost, 500)});

    const std::vector<BeyondBound> found = tighten(policy, {nation});

    ASSERT_EQ(found.size(), 1U);
    EXPECT_FALSE(found[0].tightens);
    EXPECT_EQ(programme_of(policy).split.front().permille, 600);
}

TEST(LayerRules, OfAnotherProvinceDoNotBind) {
    LayerRules other = rules(Layer::Province, "hn-1", {of_gpus(BoundKind::AtMost, 1)});
    other.province = "01";

    EXPECT_TRUE(beyond_bounds(policy_of(8, gpu_hours(1)), {other}).empty());
    other.province = "48";
    EXPECT_FALSE(beyond_bounds(policy_of(8, gpu_hours(1)), {other}).empty());
}

TEST(LayerRules, TheNewestOfALayerBindsFromItsMomentOn) {
    LayerRules old = rules(Layer::Province, "dn-1", {});
    LayerRules next = rules(Layer::Province, "dn-2", {});
    LayerRules nation = rules(Layer::National, "vn-1", {});
    next.effective_from = kThen + days(10);
    const std::vector<LayerRules> all{next, nation, old};

    EXPECT_EQ(in_force_at(all, kThen), (std::vector{nation, old}));
    EXPECT_EQ(from_then_on(all, kThen), all);
    EXPECT_EQ(in_force_at(all, kThen + days(10)), (std::vector{next, nation}));
    EXPECT_TRUE(in_force_at(all, kThen - days(1)).empty());
}

TEST(LayerRules, OfOneEnterpriseTakeNoPlaceOfAnothers) {
    LayerRules first = rules(Layer::Enterprise, "1-1", {});
    first.enterprise = EnterpriseId{"1"};
    LayerRules second = rules(Layer::Enterprise, "2-1", {});
    second.enterprise = EnterpriseId{"2"};
    second.effective_from = first.effective_from + days(1);

    EXPECT_EQ(in_force_at({first, second}, second.effective_from),
              (std::vector<LayerRules>{first, second}));
}

TEST(LayerRules, RefuseAPolicyUnderThemAndWarnOfWhatComesLater_P073_P074) {
    const Policy policy = policy_of(64, gpu_hours(100));
    LayerRules nation = rules(Layer::National, "vn-1", {of_gpus(BoundKind::AtMost, 16, 12)});
    LayerRules province = rules(Layer::Province, "dn-1", {of_gpus(BoundKind::AtMost, 8, 4)});
    province.effective_from = kThen + days(1);
    ReviewContext context;
    context.above = {nation, province};

    std::vector<Complaint> found = review(policy, context);
    std::erase_if(found,
                  [](const Complaint& each) { return each.code != "P073" && each.code != "P074"; });

    ASSERT_EQ(found.size(), 2U);
    std::ranges::sort(found, {}, &Complaint::code);
    EXPECT_EQ(found[0].severity, Severity::Error);
    EXPECT_EQ(text(found[0], Language::English),
              "64, at most 16 is allowed (national vn-1, line 12)");
    EXPECT_EQ(found[1].severity, Severity::Warning);
    EXPECT_EQ(found[1].limit, (RuleSource{Layer::Province, "dn-1", 4}));
}

// --- Against a model ----------------------------------------------------------------------

/// The limits of one number, as a person would keep them in the head.
struct Between {
    std::optional<std::int64_t> least;
    std::optional<std::int64_t> most;

    void add(const Bound& bound) {
        if (bound.kind == BoundKind::AtMost) {
            most = std::min(most.value_or(bound.number), bound.number);
        } else {
            least = std::max(least.value_or(bound.number), bound.number);
        }
    }
    [[nodiscard]] bool possible() const { return !least || !most || *least <= *most; }
    [[nodiscard]] std::int64_t held(std::int64_t value) const {
        value = most ? std::min(value, *most) : value;
        return least ? std::max(value, *least) : value;
    }
};

struct Drawn {
    std::vector<LayerRules> layers;
    Between gpus;
    Between grant;
};

Drawn draw_layers() {
    Drawn drawn;
    const int count = *rc::gen::inRange(1, 4);
    for (int i = 0; i < count; ++i) {
        std::vector<Bound> bounds;
        const int many = *rc::gen::inRange(0, 4);
        for (int k = 0; k < many; ++k) {
            const BoundKind kind = *rc::gen::element(BoundKind::AtMost, BoundKind::AtLeast);
            const std::int64_t number = *rc::gen::inRange<std::int64_t>(1, 50);
            const bool of_jobs = *rc::gen::arbitrary<bool>();
            const Bound bound = of_jobs ? of_gpus(kind, number) : of_grant(kind, Atoms{number});
            (of_jobs ? drawn.gpus : drawn.grant).add(bound);
            bounds.push_back(bound);
        }
        const Layer layer = *rc::gen::element(Layer::National, Layer::Province);
        drawn.layers.push_back(rules(layer, "r-" + std::to_string(i), std::move(bounds)));
    }
    return drawn;
}

RC_GTEST_PROP(LayerRulesProperty, TheTightestHoldsInAnyOrder, ()) {
    Drawn drawn = draw_layers();
    RC_PRE(drawn.gpus.possible() && drawn.grant.possible());
    const std::int64_t gpus = *rc::gen::inRange<std::int64_t>(1, 60);
    const std::int64_t grant = *rc::gen::inRange<std::int64_t>(1, 60);
    const Policy written = policy_of(static_cast<int>(gpus), Atoms{grant});
    Policy first = written;
    Policy second = written;

    const bool beyond = !beyond_bounds(written, drawn.layers).empty();
    tighten(first, drawn.layers);
    std::ranges::reverse(drawn.layers);
    tighten(second, drawn.layers);

    RC_ASSERT(programme_of(first).limits.max_gpus_per_job == drawn.gpus.held(gpus));
    RC_ASSERT(programme_of(first).grant.max.value == drawn.grant.held(grant));
    RC_ASSERT(first == second);
    RC_ASSERT(beyond == !(first == written));
    RC_ASSERT(beyond_bounds(first, drawn.layers).empty());
    RC_ASSERT(tighten(second, drawn.layers).empty());
}

/// Whatever the lower layer says, the policy ends inside the upper one.
RC_GTEST_PROP(LayerRulesProperty, AProvinceCannotLoosenTheNation, ()) {
    const std::int64_t most = *rc::gen::inRange<std::int64_t>(1, 50);
    const std::int64_t least = *rc::gen::inRange<std::int64_t>(1, 60);
    Policy policy = policy_of(*rc::gen::inRange(0, 60), gpu_hours(1));

    tighten(policy, {rules(Layer::Province, "dn", {of_gpus(BoundKind::AtLeast, least)}),
                     rules(Layer::National, "vn", {of_gpus(BoundKind::AtMost, most)})});

    RC_ASSERT(programme_of(policy).limits.max_gpus_per_job > 0);
    RC_ASSERT(programme_of(policy).limits.max_gpus_per_job <= most);
}

}  // namespace
}  // namespace khu
