#include "agent/probe/nvidia_smi.h"

#include <algorithm>
#include <charconv>

#include "agent/probe/gpu_probe.h"
#include "core/topology/mig.h"

namespace khu::agent {
namespace {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const std::size_t first = text.find_first_not_of(blanks);
    return first == std::string_view::npos
               ? std::string_view{}
               : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// What stands before the next `end`, which is taken off `text` with it.
std::string_view next(std::string_view& text, std::string_view end) {
    const std::size_t at = std::min(text.find(end), text.size());
    const std::string_view part = text.substr(0, at);
    text.remove_prefix(std::min(text.size(), at + end.size()));
    return part;
}

std::optional<int> whole_number(std::string_view text) {
    text = trimmed(text);
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    return whole && number >= 0 ? std::optional(number) : std::nullopt;
}

/// "(UUID: GPU-1)" at the end of a line.
std::optional<std::string> uuid_in(std::string_view line, std::string_view prefix) {
    constexpr std::string_view before = "(UUID: ";
    const std::size_t start = line.rfind(before);
    if (start == std::string_view::npos || !line.ends_with(')')) {
        return std::nullopt;
    }
    const std::string_view uuid =
        line.substr(start + before.size(), line.size() - start - before.size() - 1);
    return uuid.starts_with(prefix) ? std::optional(std::string(uuid)) : std::nullopt;
}

/// "MIG 3g.40gb     Device  0: (UUID: MIG-1)".
std::optional<SmiSlice> slice_in(std::string_view line) {
    line.remove_prefix(std::string_view("MIG ").size());
    const std::string_view profile = trimmed(next(line, " Device "));
    const std::optional<int> index = whole_number(next(line, ":"));
    const std::optional<std::string> uuid = uuid_in(trimmed(line), "MIG-");
    if (!memory_of_profile(profile) || !index || !uuid) {
        return std::nullopt;
    }
    return SmiSlice{.gpu = {}, .index = *index, .profile = std::string(profile), .uuid = *uuid};
}

/// What the first <name> has; none if it is not there or does not end.
std::optional<std::string_view> element(std::string_view xml, const std::string& name) {
    const std::string open = "<" + name + ">";
    const std::size_t start = xml.find(open);
    if (start == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view rest = xml.substr(start + open.size());
    const std::size_t end = rest.find("</" + name + ">");
    return end == std::string_view::npos ? std::nullopt : std::optional(rest.substr(0, end));
}

std::optional<int> number_in(std::string_view xml, const std::string& name) {
    const std::optional<std::string_view> text = element(xml, name);
    return text ? whole_number(*text) : std::nullopt;
}

/// "40448 MiB".
Bytes memory_in(std::string_view device) {
    const std::optional<std::string_view> usage = element(device, "fb_memory_usage");
    std::optional<std::string_view> total = usage ? element(*usage, "total") : std::nullopt;
    if (!total) {
        return Bytes{0};
    }
    const std::optional<int> mebibytes = whole_number(next(*total, "MiB"));
    return Bytes{std::int64_t{mebibytes.value_or(0)} << 20};
}

std::optional<SmiInstance> instance_in(std::string_view device, const std::string& pci) {
    const std::optional<int> index = number_in(device, "index");
    const std::optional<int> gpu_instance = number_in(device, "gpu_instance_id");
    const std::optional<int> compute_instance = number_in(device, "compute_instance_id");
    if (!index || !gpu_instance || !compute_instance) {
        return std::nullopt;
    }
    return SmiInstance{.pci = pci,
                       .index = *index,
                       .gpu_instance = *gpu_instance,
                       .compute_instance = *compute_instance,
                       .memory = memory_in(device)};
}

}  // namespace

std::optional<std::vector<SmiMode>> read_modes(std::string_view csv) {
    std::vector<SmiMode> modes;
    while (!trimmed(csv).empty()) {
        std::string_view line = trimmed(next(csv, "\n"));
        if (line.empty()) {
            continue;
        }
        const std::string_view uuid = trimmed(next(line, ","));
        const std::string_view pci = trimmed(next(line, ","));
        const std::string_view mode = trimmed(line);
        const bool known = mode == "Enabled" || mode == "Disabled" || mode == "[N/A]" ||
                           mode == "N/A" || mode == "[Not Supported]";
        if (!uuid.starts_with("GPU-") || std::ranges::count(pci, ':') != 2 || !known) {
            return std::nullopt;
        }
        modes.push_back(
            {.uuid = std::string(uuid), .pci = normal_pci(pci), .cut = mode == "Enabled"});
    }
    return modes;
}

std::optional<std::vector<SmiSlice>> read_slices(std::string_view list) {
    std::vector<SmiSlice> slices;
    std::string gpu;
    while (!list.empty()) {
        const std::string_view line = trimmed(next(list, "\n"));
        if (line.starts_with("GPU ")) {
            const std::optional<std::string> uuid = uuid_in(line, "GPU-");
            if (!uuid) {
                return std::nullopt;
            }
            gpu = *uuid;
        } else if (line.starts_with("MIG ")) {
            std::optional<SmiSlice> slice = slice_in(line);
            if (!slice || gpu.empty()) {
                return std::nullopt;
            }
            slice->gpu = gpu;
            slices.push_back(*std::move(slice));
        } else if (!line.empty()) {
            return std::nullopt;
        }
    }
    return slices;
}

std::optional<std::vector<SmiInstance>> read_instances(std::string_view xml) {
    if (!element(xml, "nvidia_smi_log")) {
        return std::nullopt;
    }
    std::vector<SmiInstance> instances;
    next(xml, "<gpu id=\"");
    while (!xml.empty()) {
        const std::string pci = normal_pci(next(xml, "\""));
        std::string_view gpu = next(xml, "<gpu id=\"");
        while (const std::optional<std::string_view> device = element(gpu, "mig_device")) {
            const std::optional<SmiInstance> instance = instance_in(*device, pci);
            if (!instance) {
                return std::nullopt;
            }
            instances.push_back(*instance);
            next(gpu, "</mig_device>");
        }
    }
    return instances;
}

}  // namespace khu::agent
