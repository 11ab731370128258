#include "core/placement/candidates.h"

#include <algorithm>
#include <map>
#include <span>

namespace khu {
namespace {

/// Candidates by their subtree at one level; subtrees in the order of their first candidate's
/// NodeId, which does not depend on how subtrees came to be numbered.
struct Group {
    SubtreeNumber subtree{0};
    NodeId lowest;
    NodeList nodes;
};

std::vector<Group> groups_at(const NodeList& nodes, int level) {
    std::map<SubtreeNumber, Group> groups;
    for (const ClusterNode* node : nodes) {
        const SubtreeNumber subtree = node->subtrees[level];
        Group& group = groups[subtree];
        group.subtree = subtree;
        group.lowest = group.nodes.empty() ? node->id : std::min(group.lowest, node->id);
        group.nodes.push_back(node);
    }
    std::vector<Group> list;
    for (auto& [subtree, group] : groups) {
        list.push_back(std::move(group));
    }
    std::ranges::sort(list, {}, &Group::lowest);
    return list;
}

/// The smallest group that holds `wanted`; a group of unknown place does not hold anything
/// together.
const Group* tightest(const std::vector<Group>& groups, std::size_t wanted) {
    const Group* best = nullptr;
    for (const Group& group : groups) {
        const bool holds = group.subtree != 0 && group.nodes.size() >= wanted;
        if (holds && (best == nullptr || group.nodes.size() < best->nodes.size())) {
            best = &group;
        }
    }
    return best;
}

const Group& largest(const std::vector<Group>& groups) {
    return *std::ranges::max_element(groups, {}, [](const Group& g) { return g.nodes.size(); });
}

/// `wanted` of the nodes of one subtree at `level`, over as few smaller subtrees as can be: the
/// largest ones whole, then the tightest that holds the rest.
NodeList fill(NodeList nodes, int level, std::size_t wanted) {
    NodeList chosen;
    while (level + 1 < kZoneLevels && wanted < nodes.size()) {
        const std::vector<Group> groups = groups_at(nodes, level + 1);
        if (const Group* holds = tightest(groups, wanted)) {
            const NodeList rest = fill(holds->nodes, level + 1, wanted);
            chosen.insert(chosen.end(), rest.begin(), rest.end());
            return chosen;
        }
        const Group& next = largest(groups);
        if (next.subtree == 0 || next.nodes.size() > wanted) {
            break;  // The rest stands nobody knows where.
        }
        chosen.insert(chosen.end(), next.nodes.begin(), next.nodes.end());
        wanted -= next.nodes.size();
        std::erase_if(nodes, [&](const ClusterNode* node) {
            return node->subtrees[level + 1] == next.subtree;
        });
    }
    chosen.insert(chosen.end(), nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(wanted));
    return chosen;
}

std::optional<NodeList> choose_within(const NodeList& candidates, int nodes, ZoneLevel widest) {
    const auto wanted = static_cast<std::size_t>(nodes);
    if (candidates.size() < wanted) {
        return std::nullopt;
    }
    for (int level = kZoneLevels - 1; level >= static_cast<int>(widest); --level) {
        const std::vector<Group> groups = groups_at(candidates, level);
        if (const Group* group = tightest(groups, wanted)) {
            return fill(group->nodes, level, wanted);
        }
    }
    return std::nullopt;
}

}  // namespace

bool CandidateSearch::usable(const ClusterNode& node, const GpuShare& share) const {
    return can_fit(node.state, request_.shape, share) && (!allowed_ || allowed_(node.id));
}

bool CandidateSearch::each_in(const NodeIndex::Levels* levels, const GpuShare& share,
                              const Visit& visit) const {
    if (levels == nullptr) {
        return true;
    }
    const NodeIndex::Entry least{request_.shape.cores, NodeId{0}, nullptr};
    for (auto gpus = static_cast<std::size_t>(request_.shape.gpus); gpus < levels->size(); ++gpus) {
        const NodeIndex::Level& level = (*levels)[gpus];
        for (auto it = level.lower_bound(least); it != level.end(); ++it) {
            if (it->node != request_.suspect && usable(*it->where, share) && !visit(*it->where)) {
                return false;
            }
        }
    }
    return true;
}

void CandidateSearch::each_sound(const Visit& visit) const {
    const NodeIndex* index = cluster_.index(request_.partition);
    if (index == nullptr || request_.shape.gpus > limits::gpus_per_node_max) {
        return;
    }
    const GpuShare& share = cluster_.partition(request_.partition)->share;
    if (each_in(index->of(request_.enterprise), share, visit)) {
        each_in(index->of(EnterpriseId{}), share, visit);
    }
}

void CandidateSearch::each(const Visit& visit) const {
    bool none = true;
    each_sound([&](const ClusterNode& node) {
        none = false;
        return visit(node);
    });
    const ClusterNode* suspect = none ? usable_suspect() : nullptr;
    if (suspect != nullptr) {
        visit(*suspect);
    }
}

NodeList CandidateSearch::all() const {
    NodeList nodes;
    each_sound([&](const ClusterNode& node) {
        nodes.push_back(&node);
        return true;
    });
    if (const ClusterNode* suspect = usable_suspect()) {
        nodes.push_back(suspect);
    }
    return nodes;
}

const ClusterNode* CandidateSearch::usable_suspect() const {
    const auto& members = cluster_.members(request_.partition);
    const auto found = members.find(request_.suspect);
    if (found == members.end()) {
        return nullptr;
    }
    const ClusterNode* node = found->second;
    const bool open = node->health == NodeHealth::Up && node->state.open_to(request_.enterprise);
    return open && usable(*node, cluster_.partition(request_.partition)->share) ? node : nullptr;
}

std::optional<NodeList> choose_gang(const NodeList& candidates, const GangRequest& request) {
    const std::optional<ZoneLevel> widest = zone_level(request.within);
    if (!widest) {
        return std::nullopt;  // A rule that cannot be evaluated blocks the start.
    }
    if (candidates.empty() || candidates.back()->id != request.suspect) {
        return choose_within(candidates, request.nodes, *widest);
    }
    const NodeList others(candidates.begin(), candidates.end() - 1);
    std::optional<NodeList> chosen = choose_within(others, request.nodes, *widest);
    return chosen ? chosen : choose_within(candidates, request.nodes, *widest);
}

}  // namespace khu
