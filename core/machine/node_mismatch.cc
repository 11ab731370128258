#include "core/machine/node_mismatch.h"

#include <algorithm>

namespace khu {

std::optional<Reason> gpu_mismatch(const Policy& policy, const NodeRecord& node) {
    const Partition* partition = partition_of(policy, node.name);
    if (partition == nullptr || partition->gpu.empty()) {
        return std::nullopt;
    }
    const auto& gpus = node.inventory.gpus;
    if (std::ranges::any_of(gpus, [&](const Gpu& gpu) { return gpu.model == partition->gpu; })) {
        return std::nullopt;
    }
    return Reason(Code::OtherGpuModel)
        .with("node", node.name.value)
        .with("partition", partition->id.value)
        .with("reported", gpus.empty() ? std::string("no GPU") : gpus.front().model.value.str())
        .with("gpu", partition->gpu.value)
        .with("nodes", 1);
}

}  // namespace khu
