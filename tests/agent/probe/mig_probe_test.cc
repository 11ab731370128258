#include "agent/probe/mig_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "agent/probe/hwloc_probe.h"
#include "agent/probe/nvidia_smi.h"
#include "core/base/check.h"
#include "core/topology/node_class.h"

namespace khu::agent {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

/// Four H200 as lstopo saw them on a real machine, the kernel driver's files in a directory, and
/// an nvidia-smi that says what a test wants.
class MigProbe : public testing::Test {
protected:
    MigProbe() {
        std::string name = (fs::temp_directory_path() / "khu-mig-XXXXXX").string();
        KHU_CHECK(mkdtemp(name.data()) != nullptr);
        root_ = name;
        machine_ =
            probe_file(std::string(KHU_SHARED_DIR) + "/topologies/turin-2s-4gpu-nvml.xml").value();
        for (std::size_t i = 0; i < machine_.gpus.size(); ++i) {
            Gpu& gpu = machine_.gpus[i];
            gpu.uuid = gpu.uuid.empty() ? "GPU-" + gpu.pci : gpu.uuid;
            gpu.devices = {"/dev/nvidia" + std::to_string(i)};
            facts_.push_back({.pci = gpu.pci,
                              .product = gpu.product,
                              .uuid = gpu.uuid,
                              .memory = gpu.memory,
                              .devices = gpu.devices});
        }
        file("proc/driver/nvidia-caps/mig-minors",
             "config 1\nmonitor 2\ngpu0/gi1/access 12\ngpu0/gi1/ci0/access 13\n"
             "gpu1/gi1/access 146\ngpu1/gi1/ci0/access 147\ngpu1/gi5/access 182\n"
             "gpu1/gi5/ci0/access 183\n");
        for (const int minor : {12, 13, 146, 147, 182, 183}) {
            file("dev/nvidia-caps/nvidia-cap" + std::to_string(minor));
        }
    }
    ~MigProbe() override { fs::remove_all(root_); }

    void file(const std::string& path, const std::string& content = "") const {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << content;
    }
    void says(const std::string& script) const {
        file("nvidia-smi", "#!/bin/sh\n" + script);
        ::chmod((root_ / "nvidia-smi").c_str(), 0755);
    }
    /// GPU 1 is cut, the others are not.
    [[nodiscard]] std::string modes() const {
        std::string csv;
        for (std::size_t i = 0; i < facts_.size(); ++i) {
            csv += facts_[i].uuid + ", 0000" + facts_[i].pci + ", " +
                   (i == 1 ? "Enabled" : "Disabled") + "\n";
        }
        return csv;
    }
    [[nodiscard]] std::string list() const {
        return "GPU 0: NVIDIA H200 (UUID: " + facts_[0].uuid +
               ")\nGPU 1: NVIDIA H200 (UUID: " + facts_[1].uuid +
               ")\n  MIG 3g.71gb     Device  0: (UUID: MIG-aaaa)\n"
               "  MIG 2g.35gb     Device  1: (UUID: MIG-bbbb)\n";
    }
    [[nodiscard]] std::string log() const {
        return "<?xml version=\"1.0\" ?>\n<nvidia_smi_log>\n<gpu id=\"0000" + facts_[0].pci +
               "\">\n<mig_devices>None</mig_devices></gpu>\n<gpu id=\"0000" + facts_[1].pci +
               "\"><mig_mode><current_mig>Enabled</current_mig></mig_mode><mig_devices>"
               "<mig_device><index>0</index><gpu_instance_id>1</gpu_instance_id>"
               "<compute_instance_id>0</compute_instance_id><fb_memory_usage>"
               "<total>71424 MiB</total></fb_memory_usage></mig_device>"
               "<mig_device><index>1</index><gpu_instance_id>5</gpu_instance_id>"
               "<compute_instance_id>0</compute_instance_id></mig_device>"
               "</mig_devices></gpu></nvidia_smi_log>\n";
    }
    void says_all(const std::string& modes, const std::string& list, const std::string& log) const {
        file("modes", modes);
        file("list", list);
        file("log", log);
        says(
            "case \"$*\" in\n--query-gpu=uuid,pci.bus_id,mig.mode.current*) f=modes;;\n"
            "-L) f=list;;\n'-q -x') f=log;;\n*) exit 2;;\nesac\ncat " +
            root_.string() + "/$f\n");
    }
    [[nodiscard]] MigAnswer probe(Span timeout = seconds(20)) const {
        return probe_mig(facts_, {.program = (root_ / "nvidia-smi").string(),
                                  .timeout = timeout,
                                  .root = root_.string()});
    }
    /// What a node with that answer offers.
    [[nodiscard]] std::vector<std::string> offered(const MigAnswer& answer) const {
        Inventory node = machine_;
        cut_gpus(node, answer.cut);
        EXPECT_TRUE(check_inventory(NodeName{"n"}, node).has_value());
        std::vector<std::string> models;
        for (const Gpu& gpu : node.gpus) {
            models.push_back(gpu.model.value);
        }
        return models;
    }
    /// The one reason why GPU 1 is not offered.
    void expect_left_out(const MigAnswer& answer, const std::string& why) const {
        EXPECT_THAT(offered(answer), ElementsAre("h200", "h200", "h200"));
        ASSERT_EQ(answer.notes.size(), 1U);
        EXPECT_THAT(answer.notes[0], HasSubstr("GPU " + facts_[1].pci + " is not offered"));
        EXPECT_THAT(answer.notes[0], HasSubstr(why));
    }

    fs::path root_;
    Inventory machine_;
    std::vector<GpuFacts> facts_;
};

TEST_F(MigProbe, OffersACutGpuAsItsSlices) {
    says_all(modes(), list(), log());

    const MigAnswer answer = probe();

    EXPECT_TRUE(answer.notes.empty());
    ASSERT_EQ(answer.cut.size(), 1U);
    EXPECT_EQ(answer.cut[0].pci, facts_[1].pci);
    EXPECT_THAT(answer.cut[0].slices,
                ElementsAre(MigSlice{.profile = "3g.71gb",
                                     .uuid = "MIG-aaaa",
                                     .memory = Bytes{71424LL << 20},
                                     .devices = {"/dev/nvidia1", "/dev/nvidia-caps/nvidia-cap146",
                                                 "/dev/nvidia-caps/nvidia-cap147"}},
                            MigSlice{.profile = "2g.35gb",
                                     .uuid = "MIG-bbbb",
                                     .memory = Bytes{35'000'000'000},
                                     .devices = {"/dev/nvidia1", "/dev/nvidia-caps/nvidia-cap182",
                                                 "/dev/nvidia-caps/nvidia-cap183"}}));
    EXPECT_THAT(offered(answer),
                ElementsAre("h200", "h200", "h200", "h200-3g-71gb", "h200-2g-35gb"));
}

TEST_F(MigProbe, FindsAGpuByItsAddressWhereNoUuidIsKnown) {
    const std::string said = modes();
    const std::string listed = list();
    const std::string logged = log();
    for (GpuFacts& gpu : facts_) {
        gpu.uuid.clear();
    }
    says_all(said, listed, logged);

    EXPECT_THAT(offered(probe()),
                ElementsAre("h200", "h200", "h200", "h200-3g-71gb", "h200-2g-35gb"));
}

TEST_F(MigProbe, OffersAllWholeWhereNoneIsCut) {
    std::string none = modes();
    none.replace(none.find("Enabled"), 7, "[N/A]");
    says_all(none, "", "");  // Not asked for.

    const MigAnswer answer = probe();

    EXPECT_TRUE(answer.cut.empty());
    EXPECT_TRUE(answer.notes.empty());
}

TEST_F(MigProbe, HasNoSlicesAndNoComplaintWithoutTheProgram) {
    const MigAnswer answer = probe();
    EXPECT_TRUE(answer.cut.empty());
    EXPECT_TRUE(answer.notes.empty());
}

TEST_F(MigProbe, DoesNotOfferACutGpuWholeWithoutTheProgram) {
    fs::create_directories(root_ / "proc/driver/nvidia/capabilities/gpu1/mig/gi1");
    expect_left_out(probe(), "No such file");
}

TEST_F(MigProbe, BelievesTheLibraryWithoutTheProgram) {
    facts_[1].mig = MigMode::On;
    expect_left_out(probe(), "its slices cannot be told");
}

TEST_F(MigProbe, DoesNotOfferAGpuInMigModeThatHasNoSlices) {
    says_all(modes(), "GPU 1: NVIDIA H200 (UUID: " + facts_[1].uuid + ")\n",
             "<nvidia_smi_log><gpu id=\"0000" + facts_[1].pci + "\"></gpu></nvidia_smi_log>");
    expect_left_out(probe(), "has no slices");
}

TEST_F(MigProbe, DoesNotOfferWhatItCannotRead) {
    says_all(modes(), "Segmentation fault? no, but: \x01 garbage\n", log());
    expect_left_out(probe(), "-L: not of the form");
    std::string broken = list();
    broken.replace(broken.find("3g.71gb"), 7, "?g.71gb");
    says_all(modes(), broken, log());
    expect_left_out(probe(), "-L: not of the form");
    says_all(modes(), list(), "<nvidia_smi_log><gpu id=");
    expect_left_out(probe(), "-q -x: not of the form");
    std::string half = log();
    half.replace(half.find("<gpu_instance_id>5"), 18, "<gpu_instance_id>x");
    says_all(modes(), list(), half);
    expect_left_out(probe(), "-q -x: not of the form");
}

TEST_F(MigProbe, DoesNotOfferASliceWithoutItsDeviceFiles) {
    fs::remove(root_ / "dev/nvidia-caps/nvidia-cap183");
    says_all(modes(), list(), log());
    expect_left_out(probe(), "MIG-bbbb the driver names no device files");
}

TEST_F(MigProbe, OffersNothingOfWhichNobodySaysTheMode) {
    for (const char* script : {"exit 9\n", "echo garbage\n", "kill -9 $$\n"}) {
        says(script);
        const MigAnswer answer = probe();
        EXPECT_TRUE(offered(answer).empty()) << script;
        EXPECT_EQ(answer.notes.size(), 4U) << script;
    }
}

TEST_F(MigProbe, BelievesTheLibraryWhereTheProgramFails) {
    for (GpuFacts& gpu : facts_) {
        gpu.mig = MigMode::Off;
    }
    facts_[1].mig = MigMode::On;
    says("exit 9\n");
    expect_left_out(probe(), "exit code 9");
}

TEST_F(MigProbe, WaitsNoLongerThanItMay) {
    for (GpuFacts& gpu : facts_) {
        gpu.mig = MigMode::Off;
    }
    facts_[1].mig = MigMode::On;
    for (const char* script : {"sleep 600 &\nwait\n", "exec >/dev/null\nsleep 600\n"}) {
        says(script);
        expect_left_out(probe(milliseconds(300)), "no end after");
    }
}

TEST(NvidiaSmi, ListsOfOlderDriversAreReadToo) {
    const auto slices = read_slices(
        "GPU 0: A100-SXM4-40GB (UUID: GPU-5d5b)\n"
        "  MIG 1c.3g.20gb Device 0: (UUID: MIG-GPU-5d5b/1/0)\n");
    ASSERT_TRUE(slices);
    EXPECT_THAT(
        *slices,
        ElementsAre(SmiSlice{
            .gpu = "GPU-5d5b", .index = 0, .profile = "1c.3g.20gb", .uuid = "MIG-GPU-5d5b/1/0"}));
}

}  // namespace
}  // namespace khu::agent
