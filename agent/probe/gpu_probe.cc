#include "agent/probe/gpu_probe.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>

namespace khu::agent {
namespace {

namespace fs = std::filesystem;

using Found = std::map<std::string, GpuFacts>;

bool exists(const fs::path& path) {
    std::error_code ignored;  // What cannot be looked at is not there for us.
    return fs::exists(path, ignored);
}

std::vector<fs::path> entries_of(const fs::path& directory) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
        found.push_back(it->path());
    }
    std::ranges::sort(found);
    return found;
}

std::string first_line(const fs::path& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

/// The few calls of NVML that are needed, by their documented signatures (NVML API reference,
/// stable since 2012). All return 0 for success.
class Nvml {
public:
    using Device = void*;
    struct Pci {  // nvmlPciInfo_t, version 3
        std::array<char, 16> legacy;
        unsigned domain, bus, device, device_id, subsystem_id;
        std::array<char, 32> bus_id;
    };
    struct Memory {  // nvmlMemory_t
        unsigned long long total, free, used;
    };

    Nvml() : library_(dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL)) {
        ready_ = library_ != nullptr && find(init_, "nvmlInit_v2") &&
                 find(shutdown_, "nvmlShutdown") && find(count_, "nvmlDeviceGetCount_v2") &&
                 find(by_index_, "nvmlDeviceGetHandleByIndex_v2") &&
                 find(pci_, "nvmlDeviceGetPciInfo_v3") && find(name_, "nvmlDeviceGetName") &&
                 find(uuid_, "nvmlDeviceGetUUID") && find(memory_, "nvmlDeviceGetMemoryInfo") &&
                 find(minor_, "nvmlDeviceGetMinorNumber") && init_() == 0;
        if (ready_ && !find(mig_mode_, "nvmlDeviceGetMigMode")) {
            mig_mode_ = nullptr;  // Older than MIG.
        }
    }
    Nvml(const Nvml&) = delete;
    Nvml& operator=(const Nvml&) = delete;
    ~Nvml() {
        if (ready_) {
            shutdown_();
        }
        if (library_ != nullptr) {
            dlclose(library_);
        }
    }

    void read(const std::string& root, Found& found) const {
        unsigned count = 0;
        if (!ready_ || count_(&count) != 0) {
            return;
        }
        for (unsigned index = 0; index < count; ++index) {
            Device device = nullptr;
            if (by_index_(index, &device) == 0) {
                read_one(root, device, found);
            }
        }
    }

private:
    template <class Function>
    bool find(Function& function, const char* name) {
        function = reinterpret_cast<Function>(dlsym(library_, name));
        return function != nullptr;
    }

    void read_one(const std::string& root, Device device, Found& found) const {
        Pci pci{};
        if (pci_(device, &pci) != 0) {
            return;
        }
        GpuFacts& gpu = found[normal_pci(pci.bus_id.data())];
        std::array<char, 96> text{};
        if (name_(device, text.data(), static_cast<unsigned>(text.size())) == 0) {
            gpu.product = text.data();
        }
        if (uuid_(device, text.data(), static_cast<unsigned>(text.size())) == 0) {
            gpu.uuid = text.data();
        }
        Memory memory{};
        if (memory_(device, &memory) == 0) {
            gpu.memory = Bytes{static_cast<std::int64_t>(memory.total)};
        }
        gpu.mig = mig_mode_of(device);
        unsigned minor = 0;
        if (minor_(device, &minor) == 0) {
            const std::string path = "/dev/nvidia" + std::to_string(minor);
            if (exists(root + path)) {
                gpu.devices = {path};
            }
        }
    }

    [[nodiscard]] MigMode mig_mode_of(Device device) const {
        constexpr int not_supported = 3;
        unsigned current = 0;
        unsigned pending = 0;
        const int said =
            mig_mode_ == nullptr ? not_supported : mig_mode_(device, &current, &pending);
        if (said != 0) {
            return said == not_supported ? MigMode::Off : MigMode::Unknown;
        }
        return current == 0 ? MigMode::Off : MigMode::On;
    }

    void* library_;
    bool ready_{false};
    int (*init_)(){};
    int (*shutdown_)(){};
    int (*count_)(unsigned*){};
    int (*by_index_)(unsigned, Device*){};
    int (*pci_)(Device, Pci*){};
    int (*name_)(Device, char*, unsigned){};
    int (*uuid_)(Device, char*, unsigned){};
    int (*memory_)(Device, Memory*){};
    int (*minor_)(Device, unsigned*){};
    int (*mig_mode_)(Device, unsigned*, unsigned*){};
};

/// "Device Minor: \t 0" -> "0" for the key "Device Minor".
std::optional<std::string> value_of(const fs::path& file, std::string_view key) {
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t colon = line.find(':');
        if (colon == std::string::npos || std::string_view(line).substr(0, colon) != key) {
            continue;
        }
        const std::size_t start = line.find_first_not_of(" \t", colon + 1);
        return start == std::string::npos ? std::string{} : line.substr(start);
    }
    return std::nullopt;
}

/// Without the library NVIDIA's kernel driver still says which device file is which GPU.
void read_nvidia_proc(const std::string& root, Found& found) {
    for (const fs::path& gpu : entries_of(root + "/proc/driver/nvidia/gpus")) {
        const fs::path information = gpu / "information";
        GpuFacts& facts = found[normal_pci(gpu.filename().string())];
        const std::optional<std::string> minor = value_of(information, "Device Minor");
        const std::string path = "/dev/nvidia" + minor.value_or("");
        if (facts.devices.empty() && minor && exists(root + path)) {
            facts.devices = {path};
        }
        if (facts.product.empty()) {
            facts.product = value_of(information, "Model").value_or("");
        }
        const std::string uuid = value_of(information, "GPU UUID").value_or("");
        if (facts.uuid.empty() && uuid.find('?') == std::string::npos) {
            facts.uuid = uuid;
        }
    }
}

/// AMD: compute goes through /dev/kfd, common to all, and the render node of the one GPU.
void read_amd_sys(const std::string& root, Found& found) {
    if (!exists(root + "/dev/kfd")) {
        return;
    }
    for (const fs::path& device : entries_of(root + "/sys/bus/pci/drivers/amdgpu")) {
        const std::string address = device.filename().string();
        if (address.find(':') == std::string::npos) {
            continue;  // "module", "bind", ...
        }
        for (const fs::path& node : entries_of(device / "drm")) {
            const std::string path = "/dev/dri/" + node.filename().string();
            if (node.filename().string().starts_with("renderD") && exists(root + path)) {
                GpuFacts& facts = found[normal_pci(address)];
                facts.devices = {"/dev/kfd", path};
                facts.product = first_line(device / "product_name");
                const std::string bytes = first_line(device / "mem_info_vram_total");
                facts.memory = Bytes{bytes.empty() ? 0 : std::strtoll(bytes.c_str(), nullptr, 10)};
            }
        }
    }
}

}  // namespace

std::string normal_pci(std::string_view address) {
    std::string text;
    for (const char c : address) {
        text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    const std::size_t colon = text.find(':');
    if (colon != std::string::npos && colon > 4) {
        text.erase(0, colon - 4);  // NVML writes the domain with eight digits.
    }
    return text;
}

std::vector<GpuFacts> probe_gpus(const std::string& root) {
    Found found;
    Nvml().read(root, found);
    read_nvidia_proc(root, found);
    read_amd_sys(root, found);
    std::vector<GpuFacts> gpus;
    for (auto& [pci, facts] : found) {
        facts.pci = pci;
        gpus.push_back(std::move(facts));
    }
    return gpus;
}

}  // namespace khu::agent
