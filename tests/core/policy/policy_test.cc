#include "core/policy/policy.h"

#include <gtest/gtest.h>

namespace khu {
namespace {

const EnterpriseId song_han{"0401000001"};

Partition partition(const char* id, const char* gpu, std::vector<NodeName> nodes) {
    Partition made;
    made.id = PartitionId(id);
    made.gpu = GpuModel(gpu);
    made.nodes = std::move(nodes);
    made.gpus_per_node = made.gpu.empty() ? 0 : 8;
    return made;
}

Programme programme(const char* id, std::vector<PartitionId> partitions, std::vector<QosId> qos) {
    Programme made;
    made.id = ProgrammeId(id);
    made.partitions = std::move(partitions);
    made.qos = std::move(qos);
    return made;
}

PolicyGrant grant(const char* id, const char* of) {
    PolicyGrant made;
    made.id = GrantId(id);
    made.programme = ProgrammeId(of);
    return made;
}

/// Two GPU partitions and one of CPUs; the playground opens the small one, the start-up programme
/// all.
Policy small_zone() {
    Policy policy;
    policy.partitions = {partition("gpu-l4", "l4", {NodeName("gl01")}),
                         partition("gpu-h100", "h100", {NodeName("gn01"), NodeName("gn02")}),
                         partition("cpu", "", {NodeName("cn001")})};
    policy.programmes = {
        programme("san-choi", {PartitionId("gpu-l4")}, {QosId("thuong"), QosId("thu")}),
        programme("kn-80", {PartitionId("gpu-h100"), PartitionId("gpu-l4"), PartitionId("cpu")},
                  {QosId("thuong"), QosId("gap")})};
    Enterprise enterprise;
    enterprise.id = song_han;
    enterprise.holders = {UserId("u-3f2a")};
    enterprise.members = {UserId("u-91bc")};
    enterprise.grants = {grant("DN-1", "kn-80"), grant("DN-2", "san-choi")};
    policy.enterprises = {enterprise};
    policy.weights = {{GpuModel("a100-80"), 1000}, {GpuModel("h100"), 2200}};
    policy.price_list = {{Moment{2000}, 30'000}, {Moment{1000}, 27'000}};
    return policy;
}

Choice choose_of(const Choice& asked, const ChoiceNeeds& needs, std::vector<ProgrammeId> live) {
    const Policy policy = small_zone();
    return choose(policy, asked, needs, {std::move(live), programmes_of(policy, song_han)});
}

TEST(PolicyQuestions, TheLatestPriceThatHasBegunCounts) {
    const Policy policy = small_zone();
    EXPECT_EQ(rate_vnd_per_gpuh(policy, Moment{999}), std::nullopt);
    EXPECT_EQ(rate_vnd_per_gpuh(policy, Moment{1999}), 27'000);
    EXPECT_EQ(rate_vnd_per_gpuh(policy, Moment{2000}), 30'000);
}

TEST(PolicyQuestions, HoldersAreMembersToo) {
    const Policy policy = small_zone();
    ASSERT_NE(enterprise_of(policy, UserId("u-3f2a")), nullptr);
    EXPECT_EQ(enterprise_of(policy, UserId("u-91bc"))->id, song_han);
    EXPECT_EQ(enterprise_of(policy, UserId("u-0000")), nullptr);
    EXPECT_TRUE(is_holder(policy.enterprises[0], UserId("u-3f2a")));
    EXPECT_FALSE(is_holder(policy.enterprises[0], UserId("u-91bc")));
}

TEST(PolicyQuestions, FindByIdOrSayThereIsNone) {
    const Policy policy = small_zone();
    EXPECT_EQ(find_partition(policy, PartitionId("gpu-h100"))->gpu, GpuModel("h100"));
    EXPECT_EQ(find_partition(policy, PartitionId("gpu-h200")), nullptr);
    EXPECT_EQ(partition_of(policy, NodeName("gn02"))->id, PartitionId("gpu-h100"));
    EXPECT_EQ(partition_of(policy, NodeName("gn03")), nullptr);
    EXPECT_EQ(weight_milli(policy, GpuModel("h100")), 2200);
    EXPECT_EQ(weight_milli(policy, GpuModel("h200")), std::nullopt);
}

TEST(PolicyChoice, PrefersTheProgrammeWithALiveGrant) {
    const Choice choice = choose_of({}, {.gpus = 1}, {ProgrammeId("kn-80")});

    EXPECT_EQ(choice.programme, ProgrammeId("kn-80"));
    EXPECT_EQ(choice.partition, PartitionId("gpu-h100"));
    EXPECT_EQ(choice.qos, QosId("thuong"));
}

TEST(PolicyChoice, TakesTheFirstOfThePolicyAmongEquals) {
    const Choice choice =
        choose_of({}, {.gpus = 1}, {ProgrammeId("kn-80"), ProgrammeId("san-choi")});

    EXPECT_EQ(choice.programme, ProgrammeId("san-choi"));
    EXPECT_EQ(choice.partition, PartitionId("gpu-l4"));
}

TEST(PolicyChoice, AModelLeadsToTheProgrammeThatHasIt) {
    const Choice choice = choose_of({}, {.gpus = 1, .gpu_model = GpuModel("h100")},
                                    {ProgrammeId("kn-80"), ProgrammeId("san-choi")});

    EXPECT_EQ(choice.programme, ProgrammeId("kn-80"));
    EXPECT_EQ(choice.partition, PartitionId("gpu-h100"));
}

TEST(PolicyChoice, AJobWithoutGpusGoesToTheCpuPartition) {
    EXPECT_EQ(choose_of({}, {.gpus = 0}, {ProgrammeId("kn-80")}).partition, PartitionId("cpu"));
}

TEST(PolicyChoice, ANamedQosLeadsToTheProgrammeThatOpensIt) {
    const Choice asked{.programme = {}, .partition = {}, .qos = QosId("gap")};
    const Choice choice =
        choose_of(asked, {.gpus = 1}, {ProgrammeId("kn-80"), ProgrammeId("san-choi")});

    EXPECT_EQ(choice.programme, ProgrammeId("kn-80"));
    EXPECT_EQ(choice.qos, QosId("gap"));
}

TEST(PolicyChoice, KeepsWhatIsNamedEvenIfItDoesNotExist) {
    const Choice asked{
        .programme = ProgrammeId("kn-90"), .partition = PartitionId("gpu-h200"), .qos = {}};
    EXPECT_EQ(choose_of(asked, {.gpus = 1}, {ProgrammeId("kn-80")}), asked);
}

TEST(PolicyChoice, FallsBackToAGrantThatIsNotLiveSoThatTheRefusalCanNameIt) {
    EXPECT_EQ(choose_of({}, {.gpus = 1}, {}).programme, ProgrammeId("san-choi"));
}

TEST(PolicyChoice, StaysEmptyWithoutAnyGrant) {
    EXPECT_EQ(choose(small_zone(), {}, {.gpus = 1, .gpu_model = {}}, {}), Choice{});
}

}  // namespace
}  // namespace khu
