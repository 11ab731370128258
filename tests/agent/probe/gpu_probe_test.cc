#include "agent/probe/gpu_probe.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "core/base/check.h"

namespace khu::agent {
namespace {

namespace fs = std::filesystem;

/// A directory that stands in for / : what the drivers' kernel parts show, without a GPU.
class GpuProbe : public testing::Test {
protected:
    GpuProbe() {
        std::string name = (fs::temp_directory_path() / "khu-gpus-XXXXXX").string();
        KHU_CHECK(mkdtemp(name.data()) != nullptr);
        root_ = name;
    }
    ~GpuProbe() override { fs::remove_all(root_); }

    void file(const std::string& path, const std::string& content = "") const {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << content;
    }
    /// Without those that this machine's own NVML knows.
    [[nodiscard]] std::vector<GpuFacts> probe() const {
        std::vector<GpuFacts> gpus = probe_gpus(root_.string());
        std::erase_if(gpus, [](const GpuFacts& gpu) { return !gpu.pci.starts_with("00ff"); });
        return gpus;
    }

    fs::path root_;
};

TEST_F(GpuProbe, FindsNothingWhereThereIsNothing) {
    EXPECT_TRUE(probe().empty());
}

TEST_F(GpuProbe, AsksTheNvidiaKernelDriver) {
    file("dev/nvidia3");
    file("proc/driver/nvidia/gpus/00ff:1b:00.0/information",
         "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 146\n"
         "GPU UUID: \t GPU-12345678-aaaa-bbbb-cccc-0123456789ab\nDevice Minor: \t 3\n");
    file("proc/driver/nvidia/gpus/00ff:2b:00.0/information",
         "Model: \t\t Unknown\nGPU UUID: \t GPU-????????\nDevice Minor: \t 4\n");

    const std::vector<GpuFacts> gpus = probe();

    ASSERT_EQ(gpus.size(), 2U);
    EXPECT_EQ(gpus[0].product, "NVIDIA H100 80GB HBM3");
    EXPECT_EQ(gpus[0].uuid, "GPU-12345678-aaaa-bbbb-cccc-0123456789ab");
    EXPECT_EQ(gpus[0].devices, std::vector<std::string>{"/dev/nvidia3"});
    EXPECT_EQ(gpus[1].uuid, "");
    EXPECT_TRUE(gpus[1].devices.empty()) << "its device file is not there";
}

TEST_F(GpuProbe, AsksTheAmdKernelDriver) {
    file("dev/kfd");
    file("dev/dri/renderD129");
    file("sys/bus/pci/drivers/amdgpu/bind");
    file("sys/bus/pci/drivers/amdgpu/00ff:c1:00.0/drm/renderD129/dev");
    file("sys/bus/pci/drivers/amdgpu/00ff:c1:00.0/drm/card1/dev");
    file("sys/bus/pci/drivers/amdgpu/00ff:c1:00.0/product_name", "AMD Instinct MI300X\n");
    file("sys/bus/pci/drivers/amdgpu/00ff:c1:00.0/mem_info_vram_total", "206141652992\n");

    const std::vector<GpuFacts> gpus = probe();

    ASSERT_EQ(gpus.size(), 1U);
    EXPECT_EQ(gpus[0].pci, "00ff:c1:00.0");
    EXPECT_EQ(gpus[0].product, "AMD Instinct MI300X");
    EXPECT_EQ(gpus[0].memory, Bytes{206141652992});
    EXPECT_EQ(gpus[0].devices, (std::vector<std::string>{"/dev/kfd", "/dev/dri/renderD129"}));
}

TEST_F(GpuProbe, WritesPciAddressesAsTheKernelDoes) {
    EXPECT_EQ(normal_pci("00000000:1B:00.0"), "0000:1b:00.0");
    EXPECT_EQ(normal_pci("0001:02:00.0"), "0001:02:00.0");
}

}  // namespace
}  // namespace khu::agent
