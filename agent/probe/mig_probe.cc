#include "agent/probe/mig_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "agent/probe/command.h"
#include "agent/probe/nvidia_smi.h"

namespace khu::agent {
namespace {

namespace fs = std::filesystem;

bool exists(const fs::path& path) {
    std::error_code ignored;  // What cannot be looked at is not there for us.
    return fs::exists(path, ignored);
}

/// "/dev/nvidia3" -> 3; none if the GPU has no such file.
std::optional<int> minor_of(const GpuFacts& gpu) {
    constexpr std::string_view prefix = "/dev/nvidia";
    for (const std::string& path : gpu.devices) {
        int minor = -1;
        const char* const end = path.data() + path.size();
        if (path.starts_with(prefix) &&
            std::from_chars(path.data() + prefix.size(), end, minor).ptr == end && minor >= 0) {
            return minor;
        }
    }
    return std::nullopt;
}

/// "gpu0/gi1/ci0/access" -> the number of its /dev/nvidia-caps/nvidia-capN.
class Capabilities {
public:
    explicit Capabilities(const std::string& root) : root_(root) {
        std::ifstream file(root + "/proc/driver/nvidia-caps/mig-minors");
        std::string name;
        for (int minor = 0; file >> name >> minor;) {
            minors_[name] = minor;
        }
    }

    /// None if the driver does not name it, or the file is not there.
    [[nodiscard]] std::optional<std::string> device(const std::string& name) const {
        const auto known = minors_.find(name);
        if (known == minors_.end()) {
            return std::nullopt;
        }
        std::string path = fmt::format("/dev/nvidia-caps/nvidia-cap{}", known->second);
        return exists(root_ + path) ? std::optional(std::move(path)) : std::nullopt;
    }

    /// Whether the driver has GPU instances on that GPU now.
    [[nodiscard]] bool has_instances(int gpu) const {
        std::error_code error;
        const fs::path of_gpu =
            fmt::format("{}/proc/driver/nvidia/capabilities/gpu{}/mig", root_, gpu);
        for (fs::directory_iterator it(of_gpu, error), end; !error && it != end;
             it.increment(error)) {
            if (it->path().filename().string().starts_with("gi")) {
                return true;
            }
        }
        return false;
    }

private:
    std::string root_;
    std::map<std::string, int> minors_;
};

class Probe {
public:
    Probe(const std::vector<GpuFacts>& gpus, const MigQuestion& how)
        : how_(how), capabilities_(how.root) {
        for (const GpuFacts& gpu : gpus) {
            if (minor_of(gpu)) {
                gpus_.push_back(&gpu);
            }
        }
    }

    MigAnswer run() {
        if (gpus_.empty()) {
            return {};
        }
        ask_modes();
        for (const GpuFacts* gpu : gpus_) {
            const MigMode mode = mode_of(*gpu);
            if (mode == MigMode::On) {
                cut(*gpu);
            } else if (mode == MigMode::Unknown && !absent_) {
                leave_out(*gpu, "nobody says whether it is in MIG mode: " + fault_);
            }
        }
        return std::move(answer_);
    }

private:
    /// The text of one call; none if it failed, then fault_ says why.
    std::optional<std::string> ask(const std::vector<std::string>& arguments) {
        Expected<std::string, CommandFault> text = output_of(how_.program, arguments, how_.timeout);
        if (!text) {
            absent_ = text.error().absent;
            fault_ = text.error().why;
            return std::nullopt;
        }
        return *std::move(text);
    }

    template <class Rows>
    bool take(std::optional<Rows> read, Rows& into, const char* what) {
        if (!read) {
            fault_ = fmt::format("{} {}: not of the form that is known", how_.program, what);
            return false;
        }
        into = *std::move(read);
        return true;
    }

    void ask_modes() {
        const auto csv =
            ask({"--query-gpu=uuid,pci.bus_id,mig.mode.current", "--format=csv,noheader"});
        modes_known_ = csv && take(read_modes(*csv), modes_, "--query-gpu");
    }

    /// Once, and only if some GPU is cut. False: fault_ says why not.
    bool ask_slices() {
        if (!slices_known_) {
            const auto list = ask({"-L"});
            slices_known_ = list && take(read_slices(*list), slices_, "-L");
            const auto xml = *slices_known_ ? ask({"-q", "-x"}) : std::nullopt;
            slices_known_ = xml && take(read_instances(*xml), instances_, "-q -x");
        }
        return *slices_known_;
    }

    [[nodiscard]] const SmiMode* row_of(const GpuFacts& gpu) const {
        const auto row = std::ranges::find_if(modes_, [&](const SmiMode& mode) {
            return mode.pci == gpu.pci || (!gpu.uuid.empty() && mode.uuid == gpu.uuid);
        });
        return row == modes_.end() ? nullptr : &*row;
    }

    /// nvidia-smi's word first; what was not asked for, or is not listed, the driver itself says.
    [[nodiscard]] MigMode mode_of(const GpuFacts& gpu) const {
        const SmiMode* row = row_of(gpu);
        if (modes_known_ && row != nullptr) {
            return row->cut ? MigMode::On : MigMode::Off;
        }
        return capabilities_.has_instances(*minor_of(gpu)) ? MigMode::On : gpu.mig;
    }

    void leave_out(const GpuFacts& gpu, const std::string& why) {
        answer_.cut.push_back({.pci = gpu.pci, .slices = {}});
        answer_.notes.push_back(fmt::format("GPU {} is not offered: {}", gpu.pci, why));
    }

    void cut(const GpuFacts& gpu) {
        if (!modes_known_ || !ask_slices()) {
            return leave_out(gpu, "it is in MIG mode, and its slices cannot be told: " + fault_);
        }
        const SmiMode* row = row_of(gpu);
        const std::string& uuid = row == nullptr ? gpu.uuid : row->uuid;
        CutGpu made{.pci = gpu.pci, .slices = {}};
        for (const SmiSlice& slice : slices_) {
            if (slice.gpu != uuid) {
                continue;
            }
            std::optional<MigSlice> known = known_slice(gpu, slice);
            if (!known) {
                return leave_out(gpu, "it is in MIG mode, and of its slice " + slice.uuid +
                                          " the driver names no device files");
            }
            made.slices.push_back(*std::move(known));
        }
        if (made.slices.empty()) {
            return leave_out(gpu,
                             "it is in MIG mode and has no slices (nvidia-smi mig -cgi ... -C "
                             "makes them)");
        }
        answer_.cut.push_back(std::move(made));
    }

    [[nodiscard]] std::optional<MigSlice> known_slice(const GpuFacts& gpu,
                                                      const SmiSlice& slice) const {
        const auto of = std::ranges::find_if(instances_, [&](const SmiInstance& each) {
            return each.pci == gpu.pci && each.index == slice.index;
        });
        if (of == instances_.end()) {
            return std::nullopt;
        }
        const std::string instance = fmt::format("gpu{}/gi{}", *minor_of(gpu), of->gpu_instance);
        const auto whole = capabilities_.device(instance + "/access");
        const auto compute =
            capabilities_.device(fmt::format("{}/ci{}/access", instance, of->compute_instance));
        if (!whole || !compute) {
            return std::nullopt;
        }
        const Bytes labelled = memory_of_profile(slice.profile).value_or(Bytes{0});
        MigSlice known{.profile = slice.profile,
                       .uuid = slice.uuid,
                       .memory = of->memory == Bytes{0} ? labelled : of->memory,
                       .devices = gpu.devices};
        known.devices.push_back(*whole);
        known.devices.push_back(*compute);
        return known;
    }

    const MigQuestion& how_;
    Capabilities capabilities_;
    std::vector<const GpuFacts*> gpus_;
    bool absent_{false};
    bool modes_known_{false};
    std::optional<bool> slices_known_;
    std::string fault_;
    std::vector<SmiMode> modes_;
    std::vector<SmiSlice> slices_;
    std::vector<SmiInstance> instances_;
    MigAnswer answer_;
};

}  // namespace

MigAnswer probe_mig(const std::vector<GpuFacts>& gpus, const MigQuestion& how) {
    return Probe(gpus, how).run();
}

}  // namespace khu::agent
