#include "core/schedule/outlook.h"

#include <algorithm>

#include "core/placement/fit.h"

namespace khu {

Outlook::Outlook(const ZoneView& zone, const PreemptionRule& rule, MayTell whom,
                 const std::vector<RunningJob>& more, Moment now)
    : zone_(zone),
      whom_(whom),
      sooner_(rule.on && whom != MayTell::Nobody && !zone.running.yielding().empty()) {
    clear_places();
    for (const RunningJob& attempt : promised_) {
        add(attempt, attempt.deadline);
    }
    for (const RunningJob& attempt : more) {
        const bool stays = whom == MayTell::Nobody;
        add(attempt, stays ? attempt.deadline : gives_way_by(attempt, rule, now));
    }
    if (sooner_) {
        std::set<JobId> seen;
        for (const auto& [node, jobs] : zone.running.yielding()) {
            for (const JobId job : jobs) {
                const RunningJob& attempt = *zone.running.find(job);
                if (counted_apart(attempt) && seen.insert(job).second) {
                    add(attempt, gives_way_by(attempt, rule, now));
                }
            }
        }
    }
    std::ranges::sort(ends_, {},
                      [](const Return& each) { return std::pair(each.at, each.attempt->job); });
}

/// The nodes with promised parts as they will be, and the promised jobs as attempts that have them.
void Outlook::clear_places() {
    if (zone_.clearings.empty()) {
        return;
    }
    std::map<JobId, std::vector<NodeAllocation>> parts;
    for (const auto& [id, jobs] : zone_.clearings.nodes()) {
        const ClusterNode* node = zone_.cluster.find(id);
        if (node == nullptr) {
            continue;
        }
        NodeState state = when_left(zone_, *node);
        for (const JobId job : jobs) {
            const GangRequest& request = zone_.clearings.find(job)->request;
            const PartitionNodes* partition = zone_.cluster.partition(request.partition);
            std::optional<NodeFit> part;
            if (partition != nullptr && state.open_to(request.enterprise)) {
                part = fit(state, request.shape, partition->share);
            }
            if (part) {
                part->allocation.node = id;
                state.take(zone_.cluster.owner_on(*node, state, request.enterprise),
                           part->allocation);
                parts[job].push_back(part->allocation);
            }
        }
        states_.emplace(id, std::move(state));
    }
    for (auto& [job, allocations] : parts) {
        const Clearing& promise = *zone_.clearings.find(job);
        promised_.push_back({.job = job,
                             .enterprise = promise.request.enterprise,
                             .deadline = promise.by + promise.time_limit,
                             .nodes = std::move(allocations)});
    }
}

const NodeState& Outlook::state(const ClusterNode& node) const {
    const auto found = states_.find(node.id);
    return found == states_.end() ? node.state : found->second;
}

}  // namespace khu
