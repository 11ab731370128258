#include "core/topology/node_class.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/topology/gpu_model.h"
#include "tests/core/placement/machines.h"

namespace khu {
namespace {

using namespace machines;

TEST(GpuModels, HaveOneNameHoweverTheyAreSpelt) {
    const auto model = [](std::string_view product, std::int64_t gib = 0) {
        return normalise_gpu_model(product, gibibytes(gib)).value;
    };
    EXPECT_EQ(model("NVIDIA H100 80GB HBM3"), "h100");
    EXPECT_EQ(model("NVIDIA H100 PCIe"), "h100");
    EXPECT_EQ(model("NVIDIA H200"), "h200");
    EXPECT_EQ(model("GH100 [H200 SXM 141GB]"), "h200");
    EXPECT_EQ(model("Tesla T4"), "t4");
    EXPECT_EQ(model("NVIDIA L40S"), "l40s");
    EXPECT_EQ(model("NVIDIA A100-SXM4-80GB"), "a100-80");
    EXPECT_EQ(model("NVIDIA A100-PCIE-40GB"), "a100");
    EXPECT_EQ(model("NVIDIA A100", 79), "a100-80");
    EXPECT_EQ(model("Tesla V100-SXM2-16GB"), "v100");
    EXPECT_EQ(model("Tesla V100-SXM3-32GB-H"), "v100-32");
    EXPECT_EQ(model("GV100GL [Tesla V100 SXM2 16GB]"), "v100");
    EXPECT_EQ(model("AMD Instinct MI250X"), "mi250x");
    EXPECT_EQ(model("Aqua Vanjaram [Instinct MI300A]"), "mi300a");
    EXPECT_EQ(model("GeForce GTX 1070"), "gtx-1070");
    EXPECT_EQ(model("NVIDIA RTX A6000"), "rtx-a6000");
    EXPECT_EQ(model("NVIDIA"), "nvidia");
    EXPECT_EQ(model(""), "unknown");
    EXPECT_EQ(model("\x01\xff []"), "unknown");
}

using Spoil = std::function<void(Inventory&)>;

struct Nonsense {
    std::string what;
    Spoil spoil;
};

/// The refusal's text names what is wrong.
const std::vector<Nonsense> kNonsense{
    {"number of cores is 0", [](Inventory& it) { it.cores.clear(); }},
    {"number of NUMA nodes is 0", [](Inventory& it) { it.numa_nodes.clear(); }},
    {"number of packages is -1", [](Inventory& it) { it.packages = -1; }},
    {"NUMA os_index 0 occurs twice", [](Inventory& it) { it.numa_nodes[1].os_index = 0; }},
    {"package of a NUMA node is 7", [](Inventory& it) { it.numa_nodes[1].package = 7; }},
    {"bytes of a NUMA node is -1", [](Inventory& it) { it.numa_nodes[0].memory = Bytes{-1}; }},
    {"its NUMA nodes have", [](Inventory& it) { it.memory += Bytes{1}; }},
    {"bytes of a NUMA node is",
     [](Inventory& it) { it.numa_nodes[0].memory = it.memory = gibibytes(1LL << 30); }},
    {"package of a core is 9", [](Inventory& it) { it.cores[3].package = 9; }},
    {"NUMA node of a core is -2", [](Inventory& it) { it.cores[3].numa = -2; }},
    {"number of a core's PUs is 0", [](Inventory& it) { it.cores[3].pus.clear(); }},
    {"PU 4 belongs to two cores", [](Inventory& it) { it.cores[3].pus = {4}; }},
    {"PU os_index is -1", [](Inventory& it) { it.cores[3].pus = {-1}; }},
    {"a GPU has no model", [](Inventory& it) { it.gpus[0].model = GpuModel{}; }},
    {"NUMA node of a GPU is 2", [](Inventory& it) { it.gpus[0].numa = 2; }},
    {"package of a GPU is 2", [](Inventory& it) { it.gpus[0].package = 2; }},
    {"bytes of a GPU is -5", [](Inventory& it) { it.gpus[0].memory = Bytes{-5}; }},
    {"PCI address 0 has two GPUs", [](Inventory& it) { it.gpus[1].pci = "0"; }},
    {"uuid x occurs twice", [](Inventory& it) { it.gpus[0].uuid = it.gpus[1].uuid = "x"; }},
    {"device file /etc/shadow is not below /dev",
     [](Inventory& it) { it.gpus[0].devices = {"/etc/shadow"}; }},
    {"is not below /dev", [](Inventory& it) { it.gpus[0].devices = {"/dev/../etc/shadow"}; }},
    {"GPU product has control characters",
     [](Inventory& it) { it.gpus[0].product = "H100\x1b[2J"; }},
    {"hostname has control characters", [](Inventory& it) { it.hostname = "a\nb"; }},
    {"every pair needs one: 28", [](Inventory& it) { it.links.pop_back(); }},
    {"occurs twice", [](Inventory& it) { it.links[1] = it.links[0]; }},
    {"is not between two of 8 GPUs", [](Inventory& it) { it.links[0].to = 8; }},
    {"is not between two of 8 GPUs",
     [](Inventory& it) { std::swap(it.links[0].from, it.links[0].to); }},
    {"MB/s of a link is -1", [](Inventory& it) { it.links[0].megabytes_per_second = -1; }},
    {"kind of a link is 77", [](Inventory& it) { it.links[0].kind = LinkKind{77}; }},
    {"NUMA node of a NIC is 4", [](Inventory& it) { it.nics.push_back({.numa = 4}); }},
    {"number of GPUs is 17", [](Inventory& it) { it.gpus.resize(17); }},
};

TEST(Inventories, ThatAreNonsenseAreRefusedByName) {
    for (const Nonsense& nonsense : kNonsense) {
        Inventory spoilt = inventory(dgx());
        nonsense.spoil(spoilt);

        const Expected<NodeClass, Refusal> made = make_node_class(NodeName{"gn01"}, spoilt);

        ASSERT_FALSE(made.has_value()) << nonsense.what;
        EXPECT_EQ(made.error().code, Code::BadInventory);
        const std::string said = text(made.error(), Language::English);
        EXPECT_NE(said.find(nonsense.what), std::string::npos) << said;
    }
    EXPECT_TRUE(make_node_class(NodeName{"gn01"}, inventory(dgx())).has_value());
}

TEST(NodeClasses, PriceSetsByLinkThenByPlace) {
    const NodeClass t4(inventory(t4_server()));  // 0-3 on one side, 4-7 on the other

    EXPECT_LT(t4.set_cost(0b0011), t4.set_cost(0b10001));
    EXPECT_LT(t4.set_cost(0b1111), t4.set_cost(0b10111));
    EXPECT_EQ(t4.worst_link(0b10001), LinkKind::SystemBus);
    EXPECT_EQ(t4.sets_of(4).front(), 0b1111U);
    EXPECT_EQ(t4.sets_of(4).size(), 70U);
    EXPECT_EQ(t4.sets_of(0).size(), 1U);

    const NodeClass h100(inventory(dgx()));  // all links alike: the place decides
    EXPECT_EQ(h100.link_tier(0b10001), h100.link_tier(0b0011));
    EXPECT_LT(h100.set_cost(0b0011), h100.set_cost(0b10001));
}

TEST(NodeClasses, PreferTheFasterLink) {
    Inventory uneven = inventory(dgx());
    for (GpuLink& link : uneven.links) {
        const bool fast = link.from == 2 && link.to == 5;
        link.megabytes_per_second = fast ? 100'000 : 50'000;
    }
    const NodeClass node(uneven);

    EXPECT_EQ(node.sets_of(2).front(), (1U << 2 | 1U << 5));
}

TEST(ClassBooks, GiveEqualHardwareTheSameClass) {
    ClassBook book;
    Inventory one = inventory(dgx());
    Inventory two = inventory(dgx());
    two.hostname = "gn02";
    two.gpus[0].uuid = "GPU-other";
    Inventory other = inventory(dgx());
    other.links[0].kind = LinkKind::PcieSwitch;

    const auto first = book.intern(NodeName{"gn01"}, one);
    EXPECT_EQ(*book.intern(NodeName{"gn02"}, two), *first);
    EXPECT_NE(*book.intern(NodeName{"gn03"}, other), *first);
    EXPECT_EQ(book.size(), 2U);
}

}  // namespace
}  // namespace khu
