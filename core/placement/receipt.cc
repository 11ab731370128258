#include "core/placement/receipt.h"

#include <algorithm>
#include <map>

namespace khu {
namespace {

std::int64_t span_score(const std::optional<ZoneLevel>& span) {
    return span ? 1000 * (kZoneLevels - static_cast<std::int64_t>(*span)) : 0;
}

/// The deepest level at which one subtree has that many of the nodes.
std::optional<ZoneLevel> best_span(std::span<const ClusterNode* const> nodes, int wanted) {
    if (wanted == 1) {
        return std::nullopt;
    }
    for (int level = kZoneLevels - 1; level > 0; --level) {
        std::map<SubtreeNumber, int> counts;
        for (const ClusterNode* node : nodes) {
            const SubtreeNumber subtree = node->subtrees[level];
            if (subtree != 0 && ++counts[subtree] >= wanted) {
                return ZoneLevel{level};
            }
        }
    }
    return ZoneLevel::Zone;
}

/// On an empty zone. Equal hardware is looked at once.
std::int64_t best_score(const Cluster& cluster, const GangRequest& request) {
    const PartitionNodes& partition = *cluster.partition(request.partition);
    std::map<const NodeClass*, std::optional<std::int64_t>> classes;  // looked up, never walked
    std::vector<const ClusterNode*> able;
    std::int64_t best_node = INT64_MAX;
    for (const auto& [id, node] : cluster.members(request.partition)) {
        const auto [seen, fresh] = classes.try_emplace(&node->state.node_class());
        if (fresh) {
            const NodeState empty(node->state.shared_class());
            if (const auto found = fit(empty, request.shape, partition.share)) {
                seen->second = node_score(found->score);
                best_node = std::min(best_node, *seen->second);
            }
        }
        if (seen->second) {
            able.push_back(node);
        }
    }
    return best_node + span_score(best_span(able, request.nodes));
}

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

std::int64_t node_score(const FitScore& fit) {
    if (fit.set_cost == 0) {
        return fit.remote_cores > 0 || fit.remote_memory_mib > 0 ? 1 : 0;
    }
    const auto tier = static_cast<std::int64_t>(fit.set_cost >> 48);
    const auto numas = static_cast<std::int64_t>(fit.set_cost >> 8 & 0xff);
    const auto packages = static_cast<std::int64_t>(fit.set_cost & 0xff);
    const std::int64_t far = (fit.remote_cores > 0 ? 1 : 0) + (fit.remote_memory_mib > 0 ? 1 : 0);
    return 100 * tier + 10 * (numas - 1) + packages - 1 + far;
}

std::optional<ZoneLevel> span_of(std::span<const ClusterNode* const> nodes) {
    return best_span(nodes, static_cast<int>(nodes.size()));
}

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
