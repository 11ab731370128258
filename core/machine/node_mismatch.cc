#include "core/machine/node_mismatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace khu {
namespace {

/// Each once, in the node's order.
std::vector<std::string> models_of(const Inventory& inventory) {
    std::vector<std::string> models;
    for (const Gpu& gpu : inventory.gpus) {
        if (std::ranges::find(models, gpu.model.value.str()) == models.end()) {
            models.push_back(gpu.model.value);
        }
    }
    return models;
}

}  // namespace

std::optional<Reason> gpu_mismatch(const Policy& policy, const NodeRecord& node) {
    const Partition* partition = partition_of(policy, node.name);
    if (partition == nullptr || partition->gpu.empty()) {
        return std::nullopt;
    }
    const std::vector<std::string> reported = models_of(node.inventory);
    for (const ModelOffer& offer : offers_of(*partition)) {
        if (std::ranges::find(reported, offer.model.value.str()) == reported.end()) {
            return Reason(Code::OtherGpuModel)
                .with("node", node.name.value)
                .with("partition", partition->id.value)
                .with("reported", reported.empty() ? std::string("no GPU")
                                                   : fmt::format("{}", fmt::join(reported, ", ")))
                .with("gpu", offer.model.value)
                .with("nodes", 1);
        }
    }
    return std::nullopt;
}

}  // namespace khu
