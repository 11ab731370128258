#pragma once

/// \file
/// Which attempts give way so that one job can start: the search for victims, and the trial on
/// copies of the nodes' states whether the job then really starts. The answer is applied whole or
/// not at all.
///
/// Victims are only attempts that give way (RunningJob::yields_at), after the time that they were
/// sure of, and never for a job that gives way itself: so no two jobs evict each other. Those that
/// run on borrowed GPUs give way only to a job that may reclaim them. What was
/// told to leave already counts as free. Those go first whose QOS the policy names first. Of these,
/// the job displaces those on the nodes on which it would have started if nothing gave way, the
/// fullest ones (candidates.h): else narrow jobs would spread over the whole zone, and none of its
/// nodes would ever be whole for a wide one. On nodes that are equally full those go that lose the
/// least GPU time: what the attempt has used since it began or declared a checkpoint, all of its
/// nodes together. Node by node attempts are added until the job fits; then everybody without whom
/// it still starts is let off. So the set cannot be made smaller; for a gang it need not be the
/// cheapest of all sets.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "core/schedule/clearings.h"

namespace khu {

/// What the policy says of giving way.
struct PreemptionRule {
    bool on{false};
    Span grace;                  ///< between the notice and the end
    std::map<QosId, int> ranks;  ///< less goes first; a QOS that is not named, before all
    int borrowed_rank{0};        ///< of attempts on borrowed GPUs
    bool operator==(const PreemptionRule&) const = default;
};

/// What the victims lose; less is better.
struct EvictionCost {
    int rank{-1};            ///< of the last to go
    std::int64_t gpu_ms{0};  ///< GPUs (or cores, without GPUs) x time since then
    auto operator<=>(const EvictionCost&) const = default;
};
EvictionCost eviction_cost(const RunningJob& attempt, const PreemptionRule& rule, Moment now);
EvictionCost operator+(const EvictionCost& a, const EvictionCost& b);

struct Room {
    std::vector<NodeAllocation> nodes;  ///< where the job would start, as it would be placed now
    std::vector<JobId> victims;         ///< to be told, ascending; empty: all of them were already
    EvictionCost loss;
};

/// Says whether the job may use that node in that state.
using StateFilter = std::function<bool(NodeId, const NodeState&)>;

/// Says whether the attempt, which gives way, may be told for the job.
using TellFilter = std::function<bool(const RunningJob&)>;

/// None if the job would not start even then. `allowed` and `may_tell` may be empty.
std::optional<Room> make_room(const ZoneView& zone, const PreemptionRule& rule,
                              const GangRequest& request, const StateFilter& allowed,
                              const TellFilter& may_tell, Moment now);

/// Of the attempts on the partition's nodes that may be told now, but for those of `besides`:
/// the cheapest that have to go until `enough` says yes of them; none if it never does. Nobody goes
/// without whom it still does.
std::optional<std::vector<JobId>> cheapest_until(
    const ZoneView& zone, const PreemptionRule& rule, const PartitionId& partition,
    const TellFilter& may_tell, const std::vector<JobId>& besides,
    const std::function<bool(const std::vector<JobId>&)>& enough, Moment now);

/// When the attempt will have given back what it has, if a job that is charged asks for it.
Moment gives_way_by(const RunningJob& attempt, const PreemptionRule& rule, Moment now);

}  // namespace khu
