#include "core/placement/receipt.h"

#include <algorithm>

#include "core/placement/score.h"

namespace khu {
namespace {

LinkKind worst_link(std::span<const ClusterNode* const> nodes, std::span<const NodeFit> fits) {
    LinkKind worst = LinkKind::NvLink;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const GpuMask set = mask_of(fits[i].allocation.gpus);
        worst = std::max(worst, nodes[i]->state.node_class().worst_link(set));
    }
    return worst;
}

std::string_view link_name(LinkKind kind) {
    switch (kind) {
        case LinkKind::NvLink:
            return "nvlink";
        case LinkKind::NvSwitch:
            return "nvswitch";
        case LinkKind::Xgmi:
            return "xgmi";
        case LinkKind::PcieSwitch:
            return "pcie_switch";
        case LinkKind::SameNuma:
            return "same_numa";
        case LinkKind::SamePackage:
            return "same_package";
        case LinkKind::SystemBus:
            return "system_bus";
    }
    KHU_CHECK(false, "link {}", static_cast<int>(kind));
}

std::vector<std::string> rules_of(const GangRequest& request, bool shared) {
    std::vector<std::string> rules{"devices_free", "no_stranded_gpu"};
    if (!shared) {
        rules.emplace_back("one_enterprise");
    }
    if (request.shape.exclusive) {
        rules.emplace_back("exclusive");
    }
    if (!request.within.empty()) {
        rules.push_back("within_" + request.within);
    }
    const NodeRules& where = *request.where;
    if (!where.include.empty() || !where.exclude.empty()) {
        rules.emplace_back("nodes_chosen");
    }
    if (!where.features.empty()) {
        rules.emplace_back("features");
    }
    if (where.segment > 0) {
        rules.push_back("segment_" + std::to_string(where.segment) + "_" + where.segment_level);
    }
    return rules;
}

}  // namespace

Receipt make_receipt(const Cluster& cluster, const GangRequest& request,
                     std::span<const ClusterNode* const> nodes, std::span<const NodeFit> fits) {
    const std::optional<ZoneLevel> span = span_of(nodes);
    std::int64_t worst = 0;
    for (const NodeFit& fit : fits) {
        worst = std::max(worst, node_score(fit.score));
    }
    Receipt receipt;
    receipt.score = worst + span_score(span);
    receipt.best_score = best_score(cluster, request);
    receipt.link = request.shape.gpus > 1 ? std::string(link_name(worst_link(nodes, fits))) : "";
    receipt.span = span ? std::string(name_of(*span)) : "node";
    receipt.rules = rules_of(request, cluster.partition(request.partition)->shared);
    return receipt;
}

}  // namespace khu
