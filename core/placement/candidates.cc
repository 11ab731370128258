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

std::size_t segments_in(const NodeList& nodes, int level, std::size_t size) {
    std::size_t sum = 0;
    for (const Group& group : groups_at(nodes, level)) {
        sum += group.nodes.size() / size;
    }
    return sum;
}

/// The smallest group that holds `segments`, else the one that holds most.
std::vector<Group>::iterator next_for_segments(std::vector<Group>& groups, std::size_t size,
                                               std::size_t segments) {
    const auto better = [&](const Group& a, const Group& b) {
        const bool a_holds = a.nodes.size() / size >= segments;
        const bool b_holds = b.nodes.size() / size >= segments;
        if (a_holds != b_holds) {
            return a_holds;
        }
        return a_holds ? a.nodes.size() < b.nodes.size() : a.nodes.size() > b.nodes.size();
    };
    return std::ranges::min_element(groups, better);
}

/// So many segments of `size` nodes, each in one subtree at `level`, over as few as can be.
NodeList fill_segments(const NodeList& nodes, int level, std::size_t size, std::size_t segments) {
    std::vector<Group> groups = groups_at(nodes, level);
    NodeList chosen;
    while (segments > 0) {
        const auto next = next_for_segments(groups, size, segments);
        const std::size_t taken = std::min(segments, next->nodes.size() / size);
        const NodeList part = fill(next->nodes, level, taken * size);
        chosen.insert(chosen.end(), part.begin(), part.end());
        segments -= taken;
        groups.erase(next);
    }
    return chosen;
}

/// In the smallest subtree that has enough whole segments. Nodes that stand nobody knows where are
/// in none.
std::optional<NodeList> choose_segments(NodeList candidates, const GangRequest& request,
                                        ZoneLevel widest) {
    const std::optional<ZoneLevel> of = zone_level(request.where->segment_level);
    if (!of || request.nodes % request.where->segment != 0) {
        return std::nullopt;  // A rule that cannot be evaluated blocks the start.
    }
    const int of_level = static_cast<int>(*of);
    const auto size = static_cast<std::size_t>(request.where->segment);
    const std::size_t segments = static_cast<std::size_t>(request.nodes) / size;
    std::erase_if(candidates,
                  [&](const ClusterNode* node) { return node->subtrees[of_level] == 0; });
    for (int level = kZoneLevels - 1; level >= static_cast<int>(widest); --level) {
        const std::vector<Group> groups = groups_at(candidates, level);
        const Group* best = nullptr;
        for (const Group& group : groups) {
            const bool holds =
                group.subtree != 0 &&
                segments_in(group.nodes, std::max(level, of_level), size) >= segments;
            if (holds && (best == nullptr || group.nodes.size() < best->nodes.size())) {
                best = &group;
            }
        }
        if (best != nullptr) {
            return fill_segments(best->nodes, std::max(level, of_level), size, segments);
        }
    }
    return std::nullopt;
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

std::optional<NodeList> choose_among(const NodeList& candidates, const GangRequest& request,
                                     ZoneLevel widest) {
    return request.where->segment > 0 ? choose_segments(candidates, request, widest)
                                      : choose_within(candidates, request.nodes, widest);
}

bool contains(const auto& sorted, const auto& one) {
    return std::ranges::binary_search(sorted, one);
}

}  // namespace

bool meets(const ClusterNode& node, const NodeRules& rules) {
    return (rules.include.empty() || contains(rules.include, node.name)) &&
           !contains(rules.exclude, node.name) &&
           std::ranges::includes(node.location.features, rules.features);
}

CandidateSearch::CandidateSearch(const Cluster& cluster, const GangRequest& request,
                                 const NodeFilter& allowed)
    : cluster_(cluster),
      request_(request),
      allowed_(allowed),
      levels_(cluster.mix(request.partition).order(NodeIndex::level_of(request.shape.gpus))),
      by_mix_(!std::ranges::is_sorted(levels_)) {}

CandidateSearch CandidateSearch::without_mix() const {
    CandidateSearch plain = *this;
    plain.levels_ = fewest_free_first();
    plain.by_mix_ = false;
    return plain;
}

bool CandidateSearch::usable(const ClusterNode& node, const GpuShare& share) const {
    return can_fit(node.state, request_.shape, share) && (!allowed_ || allowed_(node.id)) &&
           (!request_.where.filled() || meets(node, *request_.where));
}

bool CandidateSearch::each_in(const NodeIndex::Levels* levels, const GpuShare& share,
                              const Visit& visit) const {
    if (levels == nullptr) {
        return true;
    }
    const NodeIndex::Entry least{request_.shape.cores, NodeId{0}, nullptr};
    const int least_free = NodeIndex::level_of(request_.shape.gpus);
    for (const std::uint8_t free : levels_) {
        if (free < least_free) {
            continue;
        }
        const NodeIndex::Level& level = (*levels)[free];
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
        return choose_among(candidates, request, *widest);
    }
    const NodeList others(candidates.begin(), candidates.end() - 1);
    std::optional<NodeList> chosen = choose_among(others, request, *widest);
    return chosen ? chosen : choose_among(candidates, request, *widest);
}

}  // namespace khu
