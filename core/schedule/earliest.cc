/// \file
/// Looking into the future: what is free when the running attempts have reached their deadlines.

#include <algorithm>
#include <map>
#include <span>

#include "core/placement/candidates.h"
#include "core/schedule/round.h"

namespace khu {
namespace {

/// The nodes that fit, now and then more and more of them. Works on copies of what it changes.
class Future {
public:
    Future(const Cluster& cluster, const GangRequest& request, const NodeFilter& allowed)
        : cluster_(cluster),
          request_(request),
          allowed_(allowed),
          members_(cluster.members(request.partition)),
          share_(cluster.partition(request.partition)->share) {
        for (const ClusterNode* node : CandidateSearch(cluster, request, allowed).all()) {
            fitting_.emplace(node->id, node);
        }
    }

    /// True if a node fits that did not before.
    bool release(const RunningJob& attempt) {
        bool more = false;
        for (const NodeAllocation& allocation : attempt.nodes) {
            more = release(allocation) || more;
        }
        return more;
    }

    [[nodiscard]] std::optional<std::vector<NodeId>> chosen() const {
        if (static_cast<int>(fitting_.size()) < request_.nodes) {
            return std::nullopt;
        }
        NodeList candidates;
        const ClusterNode* suspect = nullptr;
        for (const auto& [id, node] : fitting_) {
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
        if (member == members_.end() || member->second->health != NodeHealth::Up ||
            fitting_.contains(allocation.node) || !meets(*member->second, *request_.where) ||
            (allowed_ && !allowed_(allocation.node))) {
            return false;
        }
        NodeState& state =
            states_.try_emplace(allocation.node, member->second->state).first->second;
        state.give(allocation);
        const bool fits =
            state.open_to(request_.enterprise) && can_fit(state, request_.shape, share_);
        if (fits) {
            fitting_.emplace(allocation.node, member->second);
        }
        return fits;
    }

    const Cluster& cluster_;
    const GangRequest& request_;
    const NodeFilter& allowed_;
    const std::map<NodeId, const ClusterNode*>& members_;
    const GpuShare share_;
    std::map<NodeId, const ClusterNode*> fitting_;
    std::map<NodeId, NodeState> states_;
};

/// What those attempts still have at `at` is all that is taken on the nodes then.
std::vector<NodeState> states_at(const Cluster& cluster, const RunningJobs& running,
                                 const std::vector<RunningJob>& more,
                                 const std::vector<NodeId>& nodes, Moment at) {
    std::vector<NodeState> states;
    for (const NodeId node : nodes) {
        states.push_back(cluster.at(node).state);
    }
    const auto end = [&](const RunningJob& attempt) {
        for (const NodeAllocation& allocation : attempt.nodes) {
            const auto found = std::ranges::lower_bound(nodes, allocation.node);
            if (found != nodes.end() && *found == allocation.node) {
                states[static_cast<std::size_t>(found - nodes.begin())].give(allocation);
            }
        }
    };
    for (const auto& [by, attempt] : running.by_deadline()) {
        if (attempt.deadline > at) {
            break;
        }
        end(attempt);
    }
    for (const RunningJob& attempt : more) {
        if (attempt.deadline <= at) {
            end(attempt);
        }
    }
    return states;
}

}  // namespace

std::optional<Earliest> earliest_start(const Cluster& cluster, const RunningJobs& running,
                                       const std::vector<RunningJob>& more,
                                       const GangRequest& request, Moment now,
                                       const NodeFilter& allowed) {
    if (cluster.partition(request.partition) == nullptr) {
        return std::nullopt;
    }
    Future future(cluster, request, allowed);
    const auto start = [&](Moment at, std::vector<NodeId> nodes) {
        std::vector<NodeState> then = states_at(cluster, running, more, nodes, at);
        return Earliest{.at = at, .nodes = std::move(nodes), .then = std::move(then)};
    };
    if (auto nodes = future.chosen()) {
        return start(now, std::move(*nodes));
    }
    std::vector<const RunningJob*> ending;
    ending.reserve(more.size());
    for (const RunningJob& attempt : more) {
        ending.push_back(&attempt);
    }
    const auto by_end = [](const RunningJob* attempt) {
        return std::pair(attempt->deadline, attempt->job);
    };
    std::ranges::sort(ending, {}, by_end);
    auto next_more = ending.begin();
    auto next_running = running.by_deadline().begin();
    while (next_more != ending.end() || next_running != running.by_deadline().end()) {
        const bool from_running =
            next_more == ending.end() || (next_running != running.by_deadline().end() &&
                                          next_running->first < by_end(*next_more));
        const RunningJob& attempt = from_running ? (next_running++)->second : **next_more++;
        if (!future.release(attempt)) {
            continue;
        }
        if (auto nodes = future.chosen()) {
            return start(std::max(attempt.deadline, now), std::move(*nodes));
        }
    }
    return std::nullopt;
}

}  // namespace khu
