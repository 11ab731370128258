#include "agent/probe/hwloc_probe.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

namespace khu::agent {
namespace {

namespace fs = std::filesystem;

std::string shared(const std::string& name) {
    return std::string(KHU_SHARED_DIR) + "/topologies/" + name + ".xml";
}

std::string text_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string numa_name(const Inventory& it, int numa) {
    return numa < 0 ? "-" : std::to_string(it.numa_nodes[numa].os_index);
}

/// "2/2/48/96": packages, NUMA nodes, cores, PUs.
std::string size_of(const Inventory& it) {
    std::size_t pus = 0;
    for (const Core& core : it.cores) {
        pus += core.pus.size();
    }
    return fmt::format("{}/{}/{}/{}", it.packages, it.numa_nodes.size(), it.cores.size(), pus);
}

/// "t4@0 t4@0 ...": each GPU's model and the os_index of its NUMA node.
std::string gpus_of(const Inventory& it) {
    std::string out;
    for (const Gpu& gpu : it.gpus) {
        out += fmt::format("{}{}@{}", out.empty() ? "" : " ", gpu.model.value,
                           numa_name(it, gpu.numa));
    }
    return out;
}

std::string nics_of(const Inventory& it, const std::string& kind) {
    std::string out;
    for (const Nic& nic : it.nics) {
        if (nic.kind == kind) {
            out +=
                fmt::format("{}{}@{}", out.empty() ? "" : " ", nic.name, numa_name(it, nic.numa));
        }
    }
    return out;
}

std::string link_name(LinkKind kind) {
    switch (kind) {
        case LinkKind::NvLink:
            return "nvlink";
        case LinkKind::NvSwitch:
            return "nvswitch";
        case LinkKind::Xgmi:
            return "xgmi";
        case LinkKind::PcieSwitch:
            return "pcie";
        case LinkKind::SameNuma:
            return "numa";
        case LinkKind::SamePackage:
            return "package";
        case LinkKind::SystemBus:
            return "bus";
    }
    return "?";
}

/// "28xnvlink:300000": how many pairs have which link.
std::string links_of(const Inventory& it) {
    std::map<std::string, int> counts;
    for (const GpuLink& link : it.links) {
        ++counts[fmt::format("{}:{}", link_name(link.kind), link.megabytes_per_second)];
    }
    std::string out;
    for (const auto& [name, count] : counts) {
        out += fmt::format("{}{}x{}", out.empty() ? "" : " ", count, name);
    }
    return out;
}

struct Golden {
    std::string file;
    std::string size;
    std::string gpus;
    std::string fast_nics;
    std::string ethernet;
    std::string links;
};

std::ostream& operator<<(std::ostream& out, const Golden& golden) {
    return out << golden.file;
}

class Topologies : public testing::TestWithParam<Golden> {};

TEST_P(Topologies, GiveExactlyWhatTheirReadmeSays) {
    const Golden& golden = GetParam();

    const Expected<Inventory, Refusal> read = probe_file(shared(golden.file));

    ASSERT_TRUE(read.has_value()) << text(read.error(), Language::English);
    EXPECT_EQ(size_of(*read), golden.size);
    EXPECT_EQ(gpus_of(*read), golden.gpus);
    const std::string infiniband = nics_of(*read, "infiniband");
    const std::string omni_path = nics_of(*read, "omni-path");
    EXPECT_EQ(infiniband + omni_path, golden.fast_nics);  // no machine has both
    EXPECT_EQ(nics_of(*read, "ethernet"), golden.ethernet);
    EXPECT_EQ(links_of(*read), golden.links);
    EXPECT_EQ(read->source, "file");
    for (const Gpu& gpu : read->gpus) {
        EXPECT_TRUE(gpu.devices.empty()) << "a presented GPU has no device files";
    }
}

const Golden kGolden[] = {
    {"aws-g4dn-metal-8t4", "2/2/48/96", "t4@0 t4@0 t4@0 t4@0 t4@1 t4@1 t4@1 t4@1", "",
     "eth0@1 rdmap197s0@1", "16xbus:0 12xnuma:0"},
    {"lassen-power9-4v100-ib", "2/2/40/160", "v100@0 v100@0 v100@8 v100@8",
     "mlx5_0@0 mlx5_1@0 mlx5_2@8 mlx5_3@8", "enP5p1s0f0@0 enP5p1s0f1@0", "4xbus:0 2xpcie:0"},
    {"tioga-epyc-8mi250x-gcd", "1/4/64/128",
     "mi250x@3 mi250x@3 mi250x@1 mi250x@1 mi250x@0 mi250x@0 mi250x@2 mi250x@2", "",
     "ens2@0 hsi0@3 hsi1@1 hsi2@0 hsi3@2", "28xxgmi:100000"},
    {"tuolumne-4mi300a-spx", "4/4/96/192", "mi300a@0 mi300a@1 mi300a@2 mi300a@3", "",
     "hsi0@0 hsi1@1 hsi2@2 hsi3@3 enp129s0@0", "6xxgmi:100000"},
    {"turin-2s-4gpu-nvml", "2/8/128/256", "h200@1 h200@2 h200@6 h200@7",
     "mlx5_0@1 mlx5_3@2 mlx5_4@6 mlx5_5@7", "eno6@0 mlx5_1@3 mlx5_2@3", "6xnvlink:150000"},
    {"dgx2-16v100-nvswitch", "2/2/4/4",
     "v100-32@0 v100-32@0 v100-32@0 v100-32@0 v100-32@0 v100-32@0 v100-32@0 v100-32@0 "
     "v100-32@1 v100-32@1 v100-32@1 v100-32@1 v100-32@1 v100-32@1 v100-32@1 v100-32@1",
     "", "", "120xnvswitch:150000"},
    {"chimera-nvidia-plus-amd", "1/2/32/64", "gtx-1070@0 vega-frontier-edition@2", "",
     "enp4s0@0 enp6s0@0 wlp5s0@0", "1xpackage:0"},
    {"knl-snc4-flat-hwloc1format", "1/8/68/272", "", "mlx5_0@0", "eno1@0 eno2@0", ""},
    {"quartz-broadwell-cpu-opa", "2/2/36/36", "", "hfi1_0@1", "aci0@0 eno1@0 ens786f0@1 ens786f1@1",
     ""},
    {"sgi-24numa-384pu", "24/24/192/384", "", "mlx4_0@6",
     "eth0@0 eth1@0 eth2@4 eth3@4 eth4@4 eth5@4", ""},
    {"alderlake-hybrid-20pu", "1/1/14/20", "", "", "", ""},
    {"opteron-8numa-restricted-cpuset", "6/5/10/10", "", "", "", ""},
    {"dgx-a100-like", "2/8/128/256",
     "a100-80@3 a100-80@3 a100-80@1 a100-80@1 a100-80@7 a100-80@7 a100-80@5 a100-80@5",
     "mlx5_0@3 mlx5_1@3 mlx5_2@1 mlx5_3@1 mlx5_4@7 mlx5_5@7 mlx5_6@5 mlx5_7@5", "eth8@0 eth9@4",
     "28xnvlink:300000"},
    {"dgx-h100-like", "2/2/112/224", "h100@0 h100@0 h100@0 h100@0 h100@1 h100@1 h100@1 h100@1",
     "mlx5_0@0 mlx5_1@0 mlx5_2@0 mlx5_3@0 mlx5_4@1 mlx5_5@1 mlx5_6@1 mlx5_7@1",
     "eth8@0 eth9@0 eth10@1 eth11@1", "28xnvlink:450000"},
    {"cpu-lab-like", "1/1/16/32", "", "", "eth0@0", ""},
};

INSTANTIATE_TEST_SUITE_P(Shared, Topologies, testing::ValuesIn(kGolden),
                         [](const testing::TestParamInfo<Golden>& about) {
                             std::string name = about.param.file;
                             std::ranges::replace(name, '-', '_');
                             return name;
                         });

TEST(Probe, GivesTheCoresNearAGpuAsTheMachineNumbersThem) {
    const Expected<Inventory, Refusal> read = probe_file(shared("dgx-a100-like"));
    ASSERT_TRUE(read.has_value());

    std::set<int> near;  // README: GPU 0's cores are 48-63, 176-191
    for (const Core& core : read->cores) {
        if (core.numa == read->gpus[0].numa) {
            near.insert(core.pus.begin(), core.pus.end());
        }
    }

    EXPECT_EQ(near.size(), 32U);
    EXPECT_EQ(*near.begin(), 48);
    EXPECT_TRUE(near.contains(63) && near.contains(176) && near.contains(191));
    EXPECT_EQ(read->gpus[0].product, "NVIDIA A100-SXM4-80GB");
    EXPECT_EQ(read->gpus[0].memory, gibibytes(80));
}

TEST(Probe, KnowsMemoryThatHasNoCores) {
    const Expected<Inventory, Refusal> read = probe_file(shared("knl-snc4-flat-hwloc1format"));
    ASSERT_TRUE(read.has_value());

    std::set<int> with_cores;
    for (const Core& core : read->cores) {
        with_cores.insert(read->numa_nodes[core.numa].os_index);
    }

    EXPECT_EQ(with_cores, (std::set<int>{0, 1, 2, 3}));
    for (const NumaNode& numa : read->numa_nodes) {
        EXPECT_GT(numa.memory, Bytes{0});
    }
}

TEST(Probe, GivesOnlyTheNumaNodesThatTheCpusetAllows) {
    const Expected<Inventory, Refusal> read = probe_file(shared("opteron-8numa-restricted-cpuset"));
    ASSERT_TRUE(read.has_value());

    std::vector<int> numbers;
    for (const NumaNode& numa : read->numa_nodes) {
        numbers.push_back(numa.os_index);
    }

    EXPECT_EQ(numbers, (std::vector<int>{1, 2, 3, 5, 4}));
}

TEST(Probe, ReadsThisMachine) {
    const Expected<Probed, Refusal> read = probe_machine();

    ASSERT_TRUE(read.has_value()) << text(read.error(), Language::English);
    const Inventory& machine = read->inventory;
    EXPECT_EQ(machine.source, "probe");
    EXPECT_FALSE(machine.cores.empty());
    EXPECT_GT(machine.memory, Bytes{0});
    for (const Gpu& gpu : machine.gpus) {
        EXPECT_FALSE(gpu.devices.empty());
    }
}

class BadTopology : public testing::Test {
protected:
    BadTopology() {
        std::string name = (fs::temp_directory_path() / "khu-probe-XXXXXX").string();
        KHU_CHECK(mkdtemp(name.data()) != nullptr);
        directory_ = name;
    }
    ~BadTopology() override { fs::remove_all(directory_); }

    [[nodiscard]] std::string file(const std::string& content) const {
        const fs::path path = directory_ / "topology.xml";
        std::ofstream(path, std::ios::binary) << content;
        return path.string();
    }
    static Refusal refusal_of(const std::string& path) {
        const Expected<Inventory, Refusal> read = probe_file(path);
        return read ? Refusal(Code::UnknownJob) : read.error();
    }

    fs::path directory_;
};

TEST_F(BadTopology, OfHwloc3IsRefusedWithWhatToDo) {
    const Refusal refusal = refusal_of(shared("dgx2-hwloc3-format"));

    EXPECT_EQ(refusal.code, Code::TopologyNewer);
    EXPECT_NE(text(refusal, Language::English).find("hwloc's format 3.0"), std::string::npos);
    EXPECT_NE(remedy(refusal, Language::English).find("--export-xml-flags v2"), std::string::npos);
}

TEST_F(BadTopology, ThatIsNotAFileIsRefused) {
    EXPECT_EQ(refusal_of((directory_ / "none.xml").string()).code, Code::TopologyUnreadable);
    EXPECT_EQ(refusal_of(directory_.string()).code, Code::TopologyUnreadable);
    const std::string pipe = (directory_ / "pipe").string();
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_EQ(refusal_of(pipe).code, Code::TopologyUnreadable);
}

TEST_F(BadTopology, ThatIsHugeIsRefusedUnread) {
    const std::string path = file("<topology>");
    fs::resize_file(path, (16U << 20) + 1);

    EXPECT_EQ(refusal_of(path).code, Code::TopologyTooLarge);
}

TEST_F(BadTopology, ThatIsNotATopologyIsRefused) {
    for (const std::string content :
         {"", " \n", "nodes: 80\ngpus_per_node: 8\n", "<html></html>", "<topology", "<topology>",
          "<topology></topology>", "<topology version=\"2.0\"><object></topology>",
          "<topology version=\"2.0\"><object type=\"Machine\"></object></topology>"}) {
        EXPECT_EQ(refusal_of(file(content)).code, Code::TopologyDamaged) << content;
    }
    EXPECT_EQ(refusal_of(file(std::string("<topology>\0</topology>", 22))).code,
              Code::TopologyDamaged);
}

TEST_F(BadTopology, ThatIsCutAnywhereIsRefused) {
    const std::string whole = text_of(shared("dgx-h100-like"));
    ASSERT_GT(whole.size(), 1000U);

    for (std::size_t part = 1; part < 40; ++part) {
        const std::string cut = whole.substr(0, whole.size() * part / 40);
        EXPECT_EQ(refusal_of(file(cut)).code, Code::TopologyDamaged) << part;
        EXPECT_EQ(refusal_of(file(cut + "\n</topology>\n")).code, Code::TopologyDamaged) << part;
    }
}

TEST_F(BadTopology, ThatDescribesNonsenseIsRefused) {
    std::string content = text_of(shared("cpu-lab-like"));
    const std::string key = "local_memory=\"";
    const std::size_t at = content.find(key);
    ASSERT_NE(at, std::string::npos);
    content.insert(at + key.size(), "9999999");

    EXPECT_EQ(refusal_of(file(content)).code, Code::BadInventory);
}

/// The H100 server's file, in which GPU nvml`gpu` is said to be cut.
std::string with_slices(int gpu, const std::string& profiles) {
    std::string text = text_of(shared("dgx-h100-like"));
    const std::size_t at = text.find("name=\"nvml" + std::to_string(gpu) + "\"");
    KHU_CHECK(at != std::string::npos);
    text.insert(text.find('>', at) + 1, "<info name=\"KhuMig\" value=\"" + profiles + "\"/>");
    return text;
}

class CutTopology : public BadTopology {};

TEST_F(CutTopology, PresentsAGpuAsItsSlices) {
    const Inventory node = probe_file(file(with_slices(3, "3g.40gb,2g.20gb"))).value();

    ASSERT_EQ(node.gpus.size(), 9U);
    EXPECT_EQ(node.gpus[3].model.value, "h100") << "the fifth, since the fourth is cut";
    EXPECT_EQ(node.gpus[7].model.value, "h100-3g-40gb");
    EXPECT_EQ(node.gpus[7].memory, Bytes{40'000'000'000});
    EXPECT_EQ(node.gpus[7].numa, 0);
    EXPECT_EQ(node.gpus[8].uuid, "MIG-" + node.gpus[8].pci + "/1");
    EXPECT_EQ(node.links.size(), 21U);
}

TEST_F(CutTopology, OfNoProfileIsRefusedByName) {
    for (const char* profiles : {"3g.40gb,half", ",", "3g.40gb;2g.20gb"}) {
        const Refusal refusal = refusal_of(file(with_slices(3, profiles)));
        EXPECT_EQ(refusal.code, Code::TopologyDamaged) << profiles;
        EXPECT_NE(text(refusal, Language::English).find("is no MIG profile"), std::string::npos);
    }
}

}  // namespace
}  // namespace khu::agent
