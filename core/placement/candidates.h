#pragma once

/// \file
/// The nodes that are free enough for one node of a gang, in the order in which packing prefers
/// them: those the enterprise already uses before untouched ones, then those on which the request
/// costs the jobs to come least (mix.h), then the fewest free GPUs, then the fewest free cores,
/// then the lowest NodeId. And the choice among them by the zone tree.

#include <functional>
#include <optional>
#include <vector>

#include "core/placement/gang.h"

namespace khu {

/// Whether the node may be one of the gang's, whatever is free there.
bool meets(const ClusterNode& node, const NodeRules& rules);

using NodeList = std::vector<const ClusterNode*>;

class CandidateSearch {
public:
    /// Keeps references to all three.
    CandidateSearch(const Cluster& cluster, const GangRequest& request, const NodeFilter& allowed);
    /// The same as if nothing were known of the jobs to come: best fit.
    [[nodiscard]] CandidateSearch without_mix() const;
    /// Whether without_mix() might give another order.
    [[nodiscard]] bool by_mix() const { return by_mix_; }

    [[nodiscard]] const GangRequest& request() const { return request_; }

    /// Visits the candidates in order until `visit` says false; never the suspect node.
    void each_sound(const std::function<bool(const ClusterNode&)>& visit) const;
    /// The same; the suspect node only if there is no other.
    void each(const std::function<bool(const ClusterNode&)>& visit) const;
    /// All of them; the suspect node last.
    [[nodiscard]] NodeList all() const;

private:
    using Visit = std::function<bool(const ClusterNode&)>;
    bool each_in(const NodeIndex::Levels* levels, const GpuShare& share, const Visit& visit) const;
    [[nodiscard]] bool usable(const ClusterNode& node, const GpuShare& share) const;
    [[nodiscard]] const ClusterNode* usable_suspect() const;

    const Cluster& cluster_;
    const GangRequest& request_;
    const NodeFilter& allowed_;
    Mix::Levels levels_;
    bool by_mix_{false};
};

/// Chooses request.nodes of the candidates, in the smallest subtree that holds as many and
/// satisfies `within` and the segments; the suspect node only if it does not work without. None if
/// there are too few.
std::optional<NodeList> choose_gang(const NodeList& candidates, const GangRequest& request);

}  // namespace khu
