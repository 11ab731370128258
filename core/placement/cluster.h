#pragma once

/// \file
/// The nodes of a zone with what is free on each, indexed by the question placement asks: which
/// nodes of this partition, open to this enterprise, have so many free GPUs and cores. Iteration is
/// by NodeId or by the index's own order, so two clusters with the same content answer alike
/// whatever their past.

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/base/limits.h"
#include "core/placement/best_scores.h"
#include "core/placement/fit.h"
#include "core/placement/mix.h"
#include "core/placement/node_state.h"

namespace khu {

/// Where a node stands and what it has beyond what it reports, as the policy says; any part may be
/// empty (unknown). A rack is known by its room and name, a switch by its room, rack and name.
struct NodeLocation {
    std::string room;
    std::string rack;
    std::string leaf_switch;
    std::vector<FeatureName> features;  ///< ascending
    bool operator==(const NodeLocation&) const = default;
};

/// Levels of the zone tree, the widest first.
enum class ZoneLevel { Zone, Room, Rack, Switch };
inline constexpr int kZoneLevels = 4;
/// "rack" -> Rack; none for a word that is not a level. The empty word is the whole zone.
std::optional<ZoneLevel> zone_level(std::string_view word);
std::string_view name_of(ZoneLevel level);

/// Subtrees are numbered as they become known; 0 is "not known". Only to be compared for equality.
using SubtreeNumber = std::uint32_t;

/// Up: takes jobs. Drained: keeps those it has, takes no more. Lost: not heard of.
enum class NodeHealth { Up, Drained, Lost };

struct ClusterNode {
    NodeId id;
    NodeName name;
    NodeState state;
    NodeLocation location;
    NodeHealth health{NodeHealth::Up};
    std::array<SubtreeNumber, kZoneLevels> subtrees{};  ///< by level; Zone is 1 for every node
    std::vector<std::uint32_t> partitions;              ///< numbers of the partitions that list it
};

struct PartitionNodes {
    PartitionId id;
    std::vector<NodeName> nodes;  ///< as the policy lists them; some may never have joined
    GpuShare share;               ///< what it offers, and cores and memory kept for each of it
    int reservations{1};          ///< jobs that wait and are promised a start
    bool shared{false};  ///< jobs of different enterprises may stand on one of its GPU nodes
};

/// Nodes of equal hardware.
struct ClassCount {
    std::shared_ptr<const NodeClass> type;
    int nodes{0};
};

/// The nodes of one partition that take jobs, by who may use them, free GPUs and free cores.
class NodeIndex {
public:
    struct Entry {
        int free_cores;
        NodeId node;
        const ClusterNode* where;
        auto operator<=>(const Entry& other) const {
            return free_cores != other.free_cores ? free_cores <=> other.free_cores
                                                  : node <=> other.node;
        }
        bool operator==(const Entry& other) const {
            return free_cores == other.free_cores && node == other.node;
        }
    };
    using Level = std::set<Entry>;
    /// By free GPUs; nodes with many slices stand together in the last, by their free cores.
    using Levels = std::array<Level, limits::boards_per_node_max + 1>;

    /// Where a node stands in the index.
    struct Key {
        EnterpriseId enterprise;
        int level;
        int free_cores;
    };
    static Key key_of(const NodeState& state);
    /// Where nodes with so many free GPUs and slices stand in Levels.
    static int level_of(int free_gpus) {
        return std::min(free_gpus, static_cast<int>(limits::boards_per_node_max));
    }

    void insert(const ClusterNode& node);
    void erase(const ClusterNode& node);
    /// The node's state was `before`.
    void move(const ClusterNode& node, const Key& before);
    /// The nodes that only that enterprise may use now; the empty name: those open to everybody.
    /// Null if there never were any.
    [[nodiscard]] const Levels* of(const EnterpriseId& enterprise) const;

private:
    std::map<EnterpriseId, Levels> owners_;
};

class Cluster {
public:
    Cluster() = default;
    Cluster(const Cluster&) = delete;  // The indexes point into the nodes.
    Cluster& operator=(const Cluster&) = delete;
    Cluster(Cluster&&) = default;
    Cluster& operator=(Cluster&&) = default;
    ~Cluster() = default;

    /// Claims: the node is new.
    void add(NodeId id, NodeName name, std::shared_ptr<const NodeClass> node_class,
             NodeLocation location, NodeHealth health);
    /// Claims: it is idle.
    void remove(NodeId id);
    void set_health(NodeId id, NodeHealth health);
    void set_location(NodeId id, NodeLocation location);
    /// New hardware after a repair. Claims: the node is idle.
    void set_class(NodeId id, std::shared_ptr<const NodeClass> node_class);
    /// Replaces all partitions: a policy came into force.
    void set_partitions(const std::vector<PartitionNodes>& partitions);
    /// What jobs of that partition ask for, from now on; it may be one that there is not yet.
    void set_mix(const PartitionId& partition, const Mix& mix) {
        mixes_.insert_or_assign(partition, mix);
    }

    void take(const EnterpriseId& enterprise, const NodeAllocation& allocation);
    /// Whose the node is when a job of that enterprise takes part of it: a node of a shared
    /// partition belongs to nobody, except while jobs stand on it that came when it was not shared.
    [[nodiscard]] const EnterpriseId& owner_on(const ClusterNode& node,
                                               const EnterpriseId& enterprise) const;
    /// The same if `state` is how the node is then.
    [[nodiscard]] const EnterpriseId& owner_on(const ClusterNode& node, const NodeState& state,
                                               const EnterpriseId& enterprise) const;
    void give(const NodeAllocation& allocation);

    /// Null if there is none.
    [[nodiscard]] const ClusterNode* find(NodeId id) const;
    [[nodiscard]] const ClusterNode* find(const NodeName& name) const;
    /// Claims: the node is known.
    [[nodiscard]] const ClusterNode& at(NodeId id) const;
    [[nodiscard]] const std::map<NodeId, ClusterNode>& nodes() const { return nodes_; }
    /// Null if there is none.
    [[nodiscard]] const PartitionNodes* partition(const PartitionId& id) const;
    /// Null if the partition is unknown.
    [[nodiscard]] const NodeIndex* index(const PartitionId& id) const;
    /// The partition's nodes that have joined, by NodeId; empty if it is unknown.
    [[nodiscard]] const std::map<NodeId, const ClusterNode*>& members(const PartitionId& id) const;
    /// The same counted by hardware, in the order in which each was first seen: what does not
    /// depend on where a node stands costs no walk over thousands of them.
    [[nodiscard]] const std::vector<ClassCount>& classes(const PartitionId& id) const;
    /// Empty if nothing was observed.
    [[nodiscard]] const Mix& mix(const PartitionId& id) const;
    /// What was worked out of the partition's hardware and places. Claims: it is known.
    [[nodiscard]] BestScores& best_scores(const PartitionId& id) const;
    [[nodiscard]] const std::vector<PartitionId>& partition_ids() const { return partition_ids_; }
    /// The partitions that list the node.
    [[nodiscard]] std::vector<PartitionId> partitions_of(const ClusterNode& node) const;

private:
    struct PartitionIndex {
        PartitionNodes partition;
        NodeIndex free;
        std::map<NodeId, const ClusterNode*> members;
        std::vector<ClassCount> classes;
        mutable BestScores best;  // a memo: what it answers does not depend on what was asked

        void count(const ClusterNode& node, int change);
    };

    ClusterNode& node(NodeId id);
    void index_node(const ClusterNode& node);
    void unindex_node(const ClusterNode& node);
    void join_partitions(ClusterNode& node);
    void leave_partitions(ClusterNode& node);
    void locate(ClusterNode& node, NodeLocation location);
    SubtreeNumber subtree(const std::string& path);
    [[nodiscard]] const PartitionIndex* find_partition(const PartitionId& id) const;

    std::map<NodeId, ClusterNode> nodes_;
    std::map<NodeName, NodeId> names_;
    std::vector<PartitionId> partition_ids_;  ///< ascending
    std::vector<PartitionIndex> partitions_;  ///< in the same order
    std::map<std::string, SubtreeNumber> subtrees_;
    std::map<PartitionId, Mix> mixes_;
};

}  // namespace khu
