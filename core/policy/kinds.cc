#include "core/policy/kinds.h"

#include <fmt/format.h>

#include "core/base/check.h"
#include "core/policy/hostlist.h"

namespace khu::schema {

std::string kebab_case(std::string_view pascal_case) {
    std::string out;
    for (const char c : pascal_case) {
        if (c >= 'A' && c <= 'Z') {
            out += out.empty() ? "" : "-";
            out += static_cast<char>(c - 'A' + 'a');
        } else {
            out += c;
        }
    }
    return out;
}

std::string write(Text, const std::string& value, Writing) {
    return value;
}

std::string write(Whole, std::int64_t value, Writing) {
    return fmt::format("{}", value);
}

std::string write(Flag, bool value, Writing) {
    return value ? "true" : "false";
}

std::string write(GpuHours, Atoms value, Writing) {
    // Files grant whole GPU-hours; amounts that the ledger made finer are shown with decimals.
    return value.value % kGpuHour.value == 0 ? fmt::format("{} GPUh", value.value / kGpuHour.value)
                                             : format_gpu_hours(value) + " GPUh";
}

std::string write(Dong, Mvnd value, Writing) {
    KHU_CHECK(value.value % 1000 == 0, "{} mvnd in a policy", value.value);
    return fmt::format("{} VND", value.value / 1000);
}

std::string write(DongPerGpuHour, std::int64_t value, Writing) {
    return fmt::format("{} VND/GPUh", value);
}

std::string write(Percent, int permille, Writing) {
    return permille % 10 == 0 ? fmt::format("{}%", permille / 10)
                              : fmt::format("{}.{}%", permille / 10, permille % 10);
}

std::string write(Duration, Span value, Writing) {
    const std::int64_t s = value.value / 1000;
    if (s % 86400 == 0) {
        return fmt::format("{}d", s / 86400);
    }
    if (s % 3600 == 0) {
        return fmt::format("{}h", s / 3600);
    }
    return s % 60 == 0 ? fmt::format("{}m", s / 60) : fmt::format("{}s", s);
}

std::string write(Months, int months, Writing) {
    return months % 12 == 0 ? fmt::format("{}y", months / 12) : fmt::format("{}m", months);
}

std::string write(Day, Moment value, Writing how) {
    return value == kNever ? "null" : format_local(value, how.utc_offset_minutes).substr(0, 10);
}

std::string write(Instant, Moment value, Writing how) {
    return format_local(value, how.utc_offset_minutes);
}

std::string write(Offset, int minutes, Writing) {
    const int magnitude = minutes < 0 ? -minutes : minutes;
    return fmt::format("{}{:02}:{:02}", minutes < 0 ? '-' : '+', magnitude / 60, magnitude % 60);
}

std::string write(Hostlist, const std::vector<NodeName>& nodes, Writing) {
    return compress_hostlist(nodes);
}

}  // namespace khu::schema
