#include "core/topology/mig.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>
#include <utility>

#include "core/topology/gpu_model.h"

namespace khu {
namespace {

/// The number before `unit`, if `part` is that and no more.
std::optional<std::int64_t> number_of(std::string_view part, std::string_view unit) {
    if (!part.ends_with(unit)) {
        return std::nullopt;
    }
    part.remove_suffix(unit.size());
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    const bool whole = error == std::errc{} && end == part.data() + part.size();
    return whole && number > 0 && number <= 10'000 ? std::optional(number) : std::nullopt;
}

std::vector<std::string_view> split(std::string_view text, char by) {
    std::vector<std::string_view> parts;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t end = std::min(text.find(by, start), text.size());
        parts.push_back(text.substr(start, end - start));
        start = end + 1;
    }
    return parts;
}

Gpu slice_of(const Gpu& gpu, const MigSlice& slice) {
    Gpu made = gpu;
    made.model = slice_model(gpu.model, slice.profile);
    made.product = gpu.product + " MIG " + slice.profile;
    made.uuid = slice.uuid;
    made.memory = slice.memory;
    made.devices = slice.devices;
    made.profile = slice.profile;
    return made;
}

}  // namespace

std::optional<Bytes> memory_of_profile(std::string_view profile) {
    std::string_view name = profile.substr(0, profile.find('+'));
    const bool attribute = std::ranges::all_of(profile.substr(name.size()), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '+' || c == '.' || c == '-';
    });
    std::vector<std::string_view> parts = split(name, '.');
    if (parts.size() == 3 && number_of(parts.front(), "c")) {
        parts.erase(parts.begin());
    }
    if (parts.size() != 2 || !attribute || profile.size() > 32 || !number_of(parts[0], "g")) {
        return std::nullopt;
    }
    const std::optional<std::int64_t> gigabytes = number_of(parts[1], "gb");
    return gigabytes ? std::optional(Bytes{*gigabytes * 1'000'000'000}) : std::nullopt;
}

void keep_gpus(Inventory& inventory, const std::function<bool(const Gpu&)>& keep) {
    std::vector<int> renumbered(inventory.gpus.size(), -1);
    std::vector<Gpu> kept;
    for (std::size_t i = 0; i < inventory.gpus.size(); ++i) {
        if (keep(inventory.gpus[i])) {
            renumbered[i] = static_cast<int>(kept.size());
            kept.push_back(std::move(inventory.gpus[i]));
        }
    }
    inventory.gpus = std::move(kept);
    std::erase_if(inventory.links, [&](GpuLink& link) {
        link.from = renumbered[static_cast<std::size_t>(link.from)];
        link.to = renumbered[static_cast<std::size_t>(link.to)];
        return link.from < 0 || link.to < 0;
    });
}

void cut_gpus(Inventory& inventory, const std::vector<CutGpu>& cut) {
    std::vector<Gpu> slices;
    keep_gpus(inventory, [&](const Gpu& gpu) {
        const auto found = std::ranges::find(cut, gpu.pci, &CutGpu::pci);
        if (found == cut.end()) {
            return true;
        }
        for (const MigSlice& slice : found->slices) {
            slices.push_back(slice_of(gpu, slice));
        }
        return false;
    });
    std::ranges::move(slices, std::back_inserter(inventory.gpus));
}

Expected<std::vector<MigSlice>, std::string> presented_slices(const std::string& pci,
                                                              std::string_view profiles) {
    std::vector<MigSlice> slices;
    for (const std::string_view profile : split(profiles, ',')) {
        const std::optional<Bytes> memory = memory_of_profile(profile);
        if (!memory) {
            return Unexpected{std::string(profile)};
        }
        slices.push_back({.profile = std::string(profile),
                          .uuid = fmt::format("MIG-{}/{}", pci, slices.size()),
                          .memory = *memory,
                          .devices = {}});
    }
    return slices;
}

}  // namespace khu
