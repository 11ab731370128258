#include "core/placement/score.h"

#include <algorithm>
#include <map>
#include <vector>

namespace khu {
namespace {

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

/// The classes whose empty nodes fit, and the best score among them.
struct Able {
    std::vector<const NodeClass*> classes;
    std::int64_t best{INT64_MAX};
};

Able able_classes(const Cluster& cluster, const GangRequest& request) {
    const GpuShare& share = cluster.partition(request.partition)->share;
    Able able;
    for (const ClassCount& each : cluster.classes(request.partition)) {
        if (const auto found = fit(NodeState(each.type), request.shape, share)) {
            able.classes.push_back(each.type.get());
            able.best = std::min(able.best, node_score(found->score));
        }
    }
    return able;
}

std::int64_t worked_out(const Cluster& cluster, const GangRequest& request) {
    const Able able = able_classes(cluster, request);
    if (request.nodes == 1) {
        return able.best;
    }
    std::vector<const ClusterNode*> nodes;
    for (const auto& [id, node] : cluster.members(request.partition)) {
        if (std::ranges::find(able.classes, &node->state.node_class()) != able.classes.end()) {
            nodes.push_back(node);
        }
    }
    return able.best + span_score(best_span(nodes, request.nodes));
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

std::int64_t span_score(const std::optional<ZoneLevel>& span) {
    return span ? 1000 * (kZoneLevels - static_cast<std::int64_t>(*span)) : 0;
}

std::optional<ZoneLevel> span_of(std::span<const ClusterNode* const> nodes) {
    return best_span(nodes, static_cast<int>(nodes.size()));
}

std::int64_t best_score(const Cluster& cluster, const GangRequest& request) {
    return cluster.best_scores(request.partition).of(request.nodes, request.shape, [&] {
        return worked_out(cluster, request);
    });
}

}  // namespace khu
