#include "core/topology/node_class.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/topology/gpu_model.h"
#include "core/topology/mig.h"
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

TEST(GpuModels, OfSlicesAreNamedAfterTheirGpuAndProfile) {
    EXPECT_EQ(slice_model(GpuModel{"h100"}, "1g.10gb").value, "h100-1g-10gb");
    EXPECT_EQ(slice_model(GpuModel{"a100-80"}, "1c.3g.40gb").value, "a100-80-1c-3g-40gb");
    EXPECT_EQ(slice_model(GpuModel{"h200"}, "1g.18gb+me").value, "h200-1g-18gb-me");
    for (const char* slice : {"h100-1g-10gb", "a100-80-1c-3g-40gb", "h200-1g-18gb-me"}) {
        EXPECT_TRUE(is_slice_model(GpuModel{slice})) << slice;
    }
    for (const char* whole : {"", "h100", "a100-80", "gtx-1070", "v100-32", "rtx-6000-8gb", "g"}) {
        EXPECT_FALSE(is_slice_model(GpuModel{whole})) << whole;
    }
}

TEST(MigProfiles, SayTheirMemory) {
    EXPECT_EQ(memory_of_profile("3g.40gb"), Bytes{40'000'000'000});
    EXPECT_EQ(memory_of_profile("1c.3g.40gb"), Bytes{40'000'000'000});
    EXPECT_EQ(memory_of_profile("1g.10gb+me"), Bytes{10'000'000'000});
    for (const char* nonsense :
         {"", "3g", "40gb", "3g.40", "g.40gb", "3g.gb", "3x.40gb", "3g.40gb.1", "-3g.40gb",
          "1d.3g.40gb", "3g.40gb+m e", "3g.99999999999999999999gb", "3g.40gb\n"}) {
        EXPECT_FALSE(memory_of_profile(nonsense)) << nonsense;
    }
}

/// GPU 2 of 0 to 3 is cut in three.
Inventory with_slices() {
    Inventory node = inventory({.gpus = 4});
    cut_gpus(node,
             {{.pci = "2", .slices = presented_slices("2", "3g.40gb,2g.20gb,2g.20gb").value()}});
    return node;
}

TEST(CutGpus, StandAsSlicesBehindTheWholeOnes) {
    const Inventory node = with_slices();

    ASSERT_EQ(node.gpus.size(), 6U);
    EXPECT_EQ(node.gpus[2].pci, "3");
    EXPECT_EQ(node.gpus[3].model.value, "h100-3g-40gb");
    EXPECT_EQ(node.gpus[3].pci, "2");
    EXPECT_EQ(node.gpus[3].numa, 1);
    EXPECT_EQ(node.gpus[5].uuid, "MIG-2/2");
    EXPECT_EQ(node.links.size(), 3U);
    EXPECT_TRUE(check_inventory(NodeName{"n"}, node).has_value());
}

TEST(NodeClasses, KnowWhichSlicesAreOfOneGpu) {
    const NodeClass node(with_slices());

    EXPECT_EQ(node.whole_gpus(), 0b111U);
    EXPECT_EQ(node.gpus_of(GpuModel{}), 0b111U);
    EXPECT_EQ(node.gpus_of(GpuModel{"h100-2g-20gb"}), 0b110000U);
    EXPECT_EQ(node.cut_gpus(), std::vector<GpuMask>{0b111000U});
    EXPECT_EQ(node.parts_of(GpuModel{"h100"}), 4);
    EXPECT_EQ(node.parts_of(GpuModel{"h100-2g-20gb"}), 12);
    EXPECT_EQ(node.worst_link(0b110000), LinkKind::SameNuma);
    EXPECT_EQ(node.worst_link(0b100001), LinkKind::SystemBus);
}

TEST(Inventories, WithSlicesThatAreNonsenseAreRefusedByName) {
    const std::vector<Nonsense> nonsense{
        {"a MIG slice stands before a whole GPU",
         [](Inventory& it) { std::swap(it.gpus[2], it.gpus[3]); }},
        {"does not say the PCI address", [](Inventory& it) { it.gpus[3].pci.clear(); }},
        {"PCI address 0 has two GPUs", [](Inventory& it) { it.gpus[4].pci = "0"; }},
        {"model h100 is of whole GPUs and of MIG slices",
         [](Inventory& it) { it.gpus[4].model = it.gpus[0].model; }},
        {"uuid MIG-2/0 occurs twice", [](Inventory& it) { it.gpus[4].uuid = it.gpus[3].uuid; }},
        {"MIG profile has control", [](Inventory& it) { it.gpus[4].profile = "1g\n"; }},
        {"number of GPUs and MIG slices is 65",
         [](Inventory& it) { it.gpus.resize(65, it.gpus[5]); }},
        {"every pair needs one: 3",
         [](Inventory& it) { it.links.push_back({.from = 1, .to = 4}); }},
        {"number of GPUs, whole or cut is 17",
         [](Inventory& it) {
             for (int n = 0; n < 13; ++n) {
                 it.gpus.push_back(it.gpus[5]);
                 it.gpus.back().pci = "cut " + std::to_string(n);
                 it.gpus.back().uuid.clear();
             }
         }},
    };
    for (const Nonsense& one : nonsense) {
        Inventory spoilt = with_slices();
        one.spoil(spoilt);
        const Expected<Done, Refusal> sound = check_inventory(NodeName{"gn01"}, spoilt);
        ASSERT_FALSE(sound.has_value()) << one.what;
        const std::string said = text(sound.error(), Language::English);
        EXPECT_NE(said.find(one.what), std::string::npos) << said;
    }
}

TEST(ClassBooks, TellNodesApartByWhichSlicesAreOfOneGpu) {
    ClassBook book;
    Inventory other = with_slices();
    other.gpus[5].pci = "9";  // The same models, but of two GPUs.
    const auto first = book.intern(NodeName{"gn01"}, with_slices());
    EXPECT_NE(*book.intern(NodeName{"gn02"}, other), *first);
    for (Gpu& gpu : other.gpus) {
        gpu.pci = gpu.pci == "9" ? "2" : gpu.pci;
        gpu.uuid.clear();
    }
    EXPECT_EQ(*book.intern(NodeName{"gn03"}, other), *first);
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
