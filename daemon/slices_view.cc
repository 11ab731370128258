#include "daemon/slices_view.h"

#include <algorithm>

namespace khu::daemon {

std::vector<wire::SlicesView> slices_of(const Inventory& inventory, GpuMask free) {
    std::vector<wire::SlicesView> all;
    for (std::size_t i = 0; i < inventory.gpus.size(); ++i) {
        const Gpu& gpu = inventory.gpus[i];
        if (!gpu.is_slice()) {
            continue;
        }
        const auto same = std::ranges::find_if(all, [&](const wire::SlicesView& each) {
            return each.gpu == gpu.pci && each.model == gpu.model.value.str();
        });
        wire::SlicesView& row = same != all.end() ? *same : all.emplace_back();
        row.gpu = gpu.pci;
        row.model = gpu.model.value;
        ++row.slices;
        row.free += static_cast<std::int64_t>(free >> i & 1);
    }
    return all;
}

}  // namespace khu::daemon
