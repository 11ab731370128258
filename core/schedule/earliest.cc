/// \file
/// Looking into the future: what is free when the running attempts have reached their deadlines.

#include <algorithm>
#include <map>

#include "core/placement/candidates.h"
#include "core/schedule/outlook.h"
#include "core/schedule/round.h"

namespace khu {
namespace {

/// The nodes that fit, now and then more and more of them. Works on copies of what it changes.
class Future {
public:
    Future(const Outlook& outlook, const GangRequest& request, const NodeFilter& allowed)
        : outlook_(outlook),
          request_(request),
          allowed_(allowed),
          members_(outlook.zone().cluster.members(request.partition)),
          share_(outlook.zone().cluster.partition(request.partition)->share) {
        const Cluster& cluster = outlook.zone().cluster;
        for (const ClusterNode* node : CandidateSearch(cluster, request, allowed).all()) {
            if (!outlook.cleared_nodes().contains(node->id)) {
                fitting_.emplace(node->id, node);
            }
        }
        for (const auto& [id, state] : outlook.cleared_nodes()) {
            const auto member = members_.find(id);
            if (member != members_.end() && may_use(*member->second) && fits(state)) {
                fitting_.emplace(id, member->second);
            }
        }
    }

    /// True if a node fits that did not before.
    bool release(const RunningJob& attempt) {
        bool more = false;
        for (const NodeAllocation& allocation : attempt.nodes) {
            more = (!outlook_.gone_from(attempt, allocation.node) && release(allocation)) || more;
        }
        return more;
    }

    /// For that time; none if there are too few.
    [[nodiscard]] std::optional<std::vector<NodeId>> chosen(const Stay& stay) const {
        if (static_cast<int>(fitting_.size()) < request_.nodes) {
            return std::nullopt;
        }
        const NodeFilter open = unbooked(outlook_.zone().bookings, request_, stay, {});
        NodeList candidates;
        const ClusterNode* suspect = nullptr;
        for (const auto& [id, node] : fitting_) {
            if (open && !open(id)) {
                continue;
            }
            (id == request_.suspect ? suspect : candidates.emplace_back()) = node;
        }
        if (suspect != nullptr) {
            candidates.push_back(suspect);
        }
        const std::optional<NodeList> nodes = choose_gang(candidates, request_);
        if (!nodes) {
            return std::nullopt;
        }
        std::vector<NodeId> ids;
        for (const ClusterNode* node : *nodes) {
            ids.push_back(node->id);
        }
        std::ranges::sort(ids);
        return ids;
    }

private:
    bool release(const NodeAllocation& allocation) {
        const auto member = members_.find(allocation.node);
        if (member == members_.end() || fitting_.contains(allocation.node) ||
            !may_use(*member->second)) {
            return false;
        }
        NodeState& state =
            states_.try_emplace(allocation.node, outlook_.state(*member->second)).first->second;
        state.give(allocation);
        const bool enough = fits(state);
        if (enough) {
            fitting_.emplace(allocation.node, member->second);
        }
        return enough;
    }
    [[nodiscard]] bool may_use(const ClusterNode& node) const {
        return node.health == NodeHealth::Up && meets(node, *request_.where) &&
               (!allowed_ || allowed_(node.id));
    }
    [[nodiscard]] bool fits(const NodeState& state) const {
        return state.open_to(request_.enterprise) && can_fit(state, request_.shape, share_);
    }

    const Outlook& outlook_;
    const GangRequest& request_;
    const NodeFilter& allowed_;
    const std::map<NodeId, const ClusterNode*>& members_;
    const GpuShare share_;
    std::map<NodeId, const ClusterNode*> fitting_;
    std::map<NodeId, NodeState> states_;
};

/// What those attempts still have at `at` is all that is taken on the nodes then.
std::vector<NodeState> states_at(const Cluster& cluster, const Outlook& outlook,
                                 const std::vector<NodeId>& nodes, Moment at) {
    std::vector<NodeState> states;
    for (const NodeId node : nodes) {
        states.push_back(outlook.state(cluster.at(node)));
    }
    outlook.each_end([&](const Outlook::Return& end) {
        if (end.at > at) {
            return false;
        }
        for (const NodeAllocation& allocation : end.attempt->nodes) {
            const auto found = std::ranges::lower_bound(nodes, allocation.node);
            if (found != nodes.end() && *found == allocation.node &&
                !outlook.gone_from(*end.attempt, allocation.node)) {
                states[static_cast<std::size_t>(found - nodes.begin())].give(allocation);
            }
        }
        return true;
    });
    return states;
}

}  // namespace

/// More nodes come only where an attempt ends or a window of the calendar turns; between, there are
/// fewer and fewer that are open for long enough.
std::optional<Earliest> earliest_start(const Outlook& outlook, const GangRequest& request,
                                       const Stay& stay, const NodeFilter& allowed) {
    const Cluster& cluster = outlook.zone().cluster;
    if (cluster.partition(request.partition) == nullptr) {
        return std::nullopt;
    }
    Future future(outlook, request, allowed);
    std::optional<Earliest> found;
    const auto try_at = [&](Moment at) {
        if (auto nodes = future.chosen({.from = at, .limit = stay.limit})) {
            std::vector<NodeState> then = states_at(cluster, outlook, *nodes, at);
            found = Earliest{.at = at, .nodes = std::move(*nodes), .then = std::move(then)};
        }
    };
    const std::vector<Moment> turns = outlook.zone().bookings.turns_after(stay.from);
    auto turn = turns.begin();
    const auto pass_turns = [&](Moment until) {
        for (; !found && turn != turns.end() && *turn < until; ++turn) {
            try_at(*turn);
        }
    };
    try_at(stay.from);
    if (found) {
        return found;
    }
    outlook.each_end([&](const Outlook::Return& end) {
        pass_turns(end.at);
        if (!found && future.release(*end.attempt)) {
            try_at(std::max(end.at, stay.from));
        }
        return !found;
    });
    pass_turns(kNever);
    return found;
}

}  // namespace khu
