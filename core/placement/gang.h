#pragma once

/// \file
/// Which nodes a job runs on together: all of them or none. The gang goes into the smallest subtree
/// of the zone tree (switch, rack, room, zone) that holds it; inside that, nodes already partly
/// used by the same enterprise come first, then those on which it leaves most of the jobs to come
/// their room (mix.h), and whole nodes stay whole (best fit). Node by node, fit.h chooses the
/// devices. Ties go to the lowest NodeId, so that the same cluster gives the same
/// answer.
///
/// place() is complete: if any set of nodes satisfies the hard rules, it finds one.

#include <functional>
#include <string>
#include <vector>

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "core/jobs/placement.h"
#include "core/jobs/spec.h"
#include "core/placement/cluster.h"

namespace khu {

/// Says whether a job may use this node at this time: the schedule keeps reserved nodes free.
using NodeFilter = std::function<bool(NodeId)>;

struct GangRequest {
    PartitionId partition;
    EnterpriseId enterprise;
    int nodes{1};
    Shape shape;
    Text within;  ///< "switch", "rack", "room": one such must hold all nodes
    Text prefer;  ///< the same as a wish
    Boxed<NodeRules> where;
    NodeId suspect;  ///< avoided if another node fits; 0: none
    auto operator<=>(const GangRequest&) const = default;
};

/// A single node, of no segment.
inline bool of_one_node(const GangRequest& request) {
    return request.nodes == 1 && request.where->segment == 0;
}

GangRequest request_of(const JobSpec& spec, NodeId suspect);

/// Why place() found nothing.
struct Misfit {
    int needed{0};   ///< nodes
    int fitting{0};  ///< nodes that are free enough for the shape now, wherever they stand
    bool operator==(const Misfit&) const = default;
};

/// `allowed` may be empty: every node may be used.
Expected<Placement, Misfit> place(const Cluster& cluster, const GangRequest& request,
                                  const NodeFilter& allowed = {});

/// Whether place() would find something.
bool can_place(const Cluster& cluster, const GangRequest& request, const NodeFilter& allowed = {});

/// How the partition's nodes stand to a request, counted node by node.
struct FitReport {
    int listed{0};  ///< by the partition
    int joined{0};
    int could{0};          ///< of those, big enough when empty
    int up{0};             ///< of `could`
    int drained{0};        ///< of `could`
    int lost{0};           ///< of `could`
    int fitting{0};        ///< of `up`: free enough now
    int other_model{0};    ///< joined without any GPU of the model asked for
    std::string example;   ///< the first of those: its name
    std::string reported;  ///< and what it has
    std::string binding;  ///< first thing no node has enough of: "gpus", "cores", "memory" or empty
    std::int64_t asked{0};
    std::int64_t largest{0};  ///< what the largest node has of it
};
FitReport fit_report(const Cluster& cluster, const GangRequest& request);

/// Whether the zone could ever run this, with every node empty and up. A node that is listed but
/// has never joined may turn out to fit, unless none has joined that does.
/// Errors: UnknownName (A133: a level of the zone tree), ImpossibleShape (A131), TooFewNodes
/// (A132).
/// Claims: the partition is known.
Expected<Done, Refusal> could_ever_fit(const Cluster& cluster, const GangRequest& request);

}  // namespace khu
