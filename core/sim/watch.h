#pragma once

/// \file
/// Claims that need a memory of what was seen before; the numbers are those of the project's list
/// of invariants (claims.h has those that one look decides, lending_watch.h and owner_waits.h those
/// of lent GPUs, layer_watch.h those of the rules above the zone).
///
///     I6   a gang runs whole or not at all: no rank begins before every node is prepared, and a
///          launch that stays partial is undone within 10 s, while the nodes that are needed for
///          that can be reached
///     I8   no job is placed on a node that is known to be drained or lost, and none begins there
///          1 s after the loss is known
///     I17  nothing grows without bound: every queue and index is as large as the jobs and nodes
///          that it is about, in khud and in the agents
///     I-25 a place that is cleared for a job becomes its, unless something befell the nodes, the
///          links or khud meanwhile, or it would now borrow more than is lent
///     I-26 no job gives way to one that has given way to it; and only the idle class and who has
///          borrowed do
///     I-33 no job starts on nodes of a reservation that it does not name, if its limit reaches
///     into
///          the window; and one that names it starts nowhere else
///     I-34 a job inside a booked reservation is charged nothing
///     I9   no attempt is put down to its user whose ranks did not fail by themselves

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/sim/controller.h"
#include "core/sim/host.h"
#include "core/sim/layer_watch.h"
#include "core/sim/lending_watch.h"

namespace khu::sim {

class Watch {
public:
    using Hosts = std::vector<std::unique_ptr<Host>>;

    // What the simulation knows and nobody else does.
    /// Until `now` the host could not be reached, or had no agent.
    void host_disturbed(const std::string& host, Moment now) { calm_since_[host] = now; }
    /// Until `now` khud was away, or messages were being lost.
    void zone_disturbed(Moment now) { zone_calm_since_ = now; }
    /// A rank of the attempt failed, or exceeded its memory, with nobody's help.
    void rank_failed(AttemptKey attempt) { failed_by_itself_.insert(attempt); }
    /// A usage row was stored.
    void billed(const UsageRow& row);

    /// The first claim that does not hold; none if all do. To be asked after every step.
    std::optional<std::string> broken(const Controller& controller, const Hosts& hosts, Moment now);

private:
    struct NodeSeen {
        std::string name;
        bool drained{false};
        Moment lost_at{kNever};  ///< kNever: it is up
    };
    /// A gang of which a part has begun.
    struct Launch {
        std::set<std::string> began;  ///< hosts where its ranks have run
        Moment since;                 ///< of the first of them
    };

    void learn(const Stamped& fact);
    void learn_calendar(const Fact& fact, Moment at);
    void learn_placed(const JobPlaced& fact, Moment at);
    void look_at_calendar(const JobPlaced& fact, Moment at);
    void learn_promised(const PlacePromised& fact, Moment at);
    void learn_lapsed(JobId job);
    void look_at(const Host& host, Moment now);
    void look_at_gang(const Host& host, AttemptKey key, const Process& process, Moment now);
    std::optional<std::string> half_launched(const Hosts& hosts, Moment now) const;
    [[nodiscard]] Moment calm_since(AttemptKey key, const Launch& launch,
                                    const std::set<std::string>& running) const;
    [[nodiscard]] Moment calm_since(const std::string& host) const;

    std::size_t facts_seen_{0};
    std::map<NodeId, NodeSeen> nodes_;
    std::map<std::string, NodeId> node_ids_;
    struct Cleared {
        std::vector<NodeId> nodes;
        Moment at;
    };
    std::map<JobId, Cleared> cleared_for_;
    std::set<std::pair<JobId, JobId>> gave_way_;  ///< who, and to whom
    std::map<ReservedKey, ReservedWindow> reserved_;
    std::map<NodeId, Moment> set_aside_at_;  ///< when the node was last given to a window
    std::set<std::string> booked_;           ///< names of reservations
    std::map<JobId, JobSpec> specs_;
    LendingWatch lending_;
    LayerWatch layers_;
    Moment fewer_nodes_since_;  ///< a node was lost or drained then
    std::set<JobId> idle_;
    std::set<JobId> asked_otherwise_;  ///< of those, with --or-idle
    std::map<AttemptKey, Moment> ending_known_;
    std::set<AttemptKey> failed_by_itself_;
    std::map<AttemptKey, std::vector<std::string>> gangs_;  ///< names of their nodes
    std::map<AttemptKey, std::set<std::string>> prepared_;
    std::map<AttemptKey, Launch> partial_;
    std::set<AttemptKey> whole_;
    std::map<std::string, Moment> calm_since_;
    Moment zone_calm_since_;
    std::optional<std::string> broken_;
};

/// I17 at this moment.
std::optional<std::string> unbounded(const Controller& controller, const Watch::Hosts& hosts);

}  // namespace khu::sim
