#include "core/placement/cluster.h"

#include <algorithm>

#include "core/base/check.h"

namespace khu {

std::optional<ZoneLevel> zone_level(std::string_view word) {
    for (const ZoneLevel level :
         {ZoneLevel::Zone, ZoneLevel::Room, ZoneLevel::Rack, ZoneLevel::Switch}) {
        if (word == name_of(level)) {
            return level;
        }
    }
    return word.empty() ? std::optional(ZoneLevel::Zone) : std::nullopt;
}

std::string_view name_of(ZoneLevel level) {
    switch (level) {
        case ZoneLevel::Zone:
            return "zone";
        case ZoneLevel::Room:
            return "room";
        case ZoneLevel::Rack:
            return "rack";
        case ZoneLevel::Switch:
            return "switch";
    }
    KHU_CHECK(false, "level {}", static_cast<int>(level));
}

NodeIndex::Key NodeIndex::key_of(const NodeState& state) {
    return {state.enterprise(), level_of(state.free_gpu_count()), state.free_cores()};
}

void NodeIndex::insert(const ClusterNode& node) {
    const Key key = key_of(node.state);
    owners_[key.enterprise][key.level].insert({key.free_cores, node.id, &node});
}

void NodeIndex::erase(const ClusterNode& node) {
    const Key key = key_of(node.state);
    const std::size_t gone =
        owners_[key.enterprise][key.level].erase({key.free_cores, node.id, &node});
    KHU_CHECK(gone == 1, "node {}", node.id.value);
}

void NodeIndex::move(const ClusterNode& node, const Key& before) {
    auto handle =
        owners_[before.enterprise][before.level].extract({before.free_cores, node.id, &node});
    KHU_CHECK(!handle.empty(), "node {}", node.id.value);
    const Key after = key_of(node.state);
    handle.value().free_cores = after.free_cores;
    owners_[after.enterprise][after.level].insert(std::move(handle));
}

const NodeIndex::Levels* NodeIndex::of(const EnterpriseId& enterprise) const {
    const auto found = owners_.find(enterprise);
    return found == owners_.end() ? nullptr : &found->second;
}

void Cluster::add(NodeId id, NodeName name, std::shared_ptr<const NodeClass> node_class,
                  NodeLocation location, NodeHealth health) {
    KHU_CHECK(!nodes_.contains(id) && !names_.contains(name), "node {} {}", id.value, name.value);
    ClusterNode fresh{.id = id,
                      .name = std::move(name),
                      .state = NodeState(std::move(node_class)),
                      .location = {},
                      .health = health,
                      .subtrees = {},
                      .partitions = {}};
    locate(fresh, std::move(location));
    ClusterNode& node = nodes_.emplace(id, std::move(fresh)).first->second;
    names_.emplace(node.name, id);
    join_partitions(node);
    index_node(node);
}

void Cluster::remove(NodeId id) {
    ClusterNode& gone = node(id);
    KHU_CHECK(gone.state.idle(), "node {}", id.value);
    unindex_node(gone);
    leave_partitions(gone);
    names_.erase(gone.name);
    nodes_.erase(id);
}

void Cluster::set_health(NodeId id, NodeHealth health) {
    ClusterNode& changed = node(id);
    unindex_node(changed);
    changed.health = health;
    index_node(changed);
}

void Cluster::set_location(NodeId id, NodeLocation location) {
    ClusterNode& moved = node(id);
    locate(moved, std::move(location));
    for (const std::uint32_t number : moved.partitions) {
        partitions_[number].best.forget();
    }
}

void Cluster::set_class(NodeId id, std::shared_ptr<const NodeClass> node_class) {
    ClusterNode& changed = node(id);
    KHU_CHECK(changed.state.idle(), "node {}", id.value);
    unindex_node(changed);
    for (const std::uint32_t number : changed.partitions) {
        partitions_[number].count(changed, -1);
    }
    changed.state = NodeState(std::move(node_class));
    for (const std::uint32_t number : changed.partitions) {
        partitions_[number].count(changed, 1);
    }
    index_node(changed);
}

void Cluster::set_partitions(const std::vector<PartitionNodes>& partitions) {
    partitions_.clear();
    partition_ids_.clear();
    for (const PartitionNodes& partition : partitions) {
        partitions_.push_back(
            {.partition = partition, .free = {}, .members = {}, .classes = {}, .best = {}});
    }
    std::ranges::sort(partitions_, {}, [](const PartitionIndex& p) { return p.partition.id; });
    for (PartitionIndex& index : partitions_) {
        partition_ids_.push_back(index.partition.id);
        std::ranges::sort(index.partition.nodes);
    }
    for (auto& [id, node] : nodes_) {
        node.partitions.clear();
        join_partitions(node);
        index_node(node);
    }
}

const EnterpriseId& Cluster::owner_on(const ClusterNode& node,
                                      const EnterpriseId& enterprise) const {
    return owner_on(node, node.state, enterprise);
}

const EnterpriseId& Cluster::owner_on(const ClusterNode& node, const NodeState& state,
                                      const EnterpriseId& enterprise) const {
    static const EnterpriseId everybody;
    const bool shared = std::ranges::any_of(node.partitions, [&](std::uint32_t number) {
        return partitions_[number].partition.shared;
    });
    return shared && state.enterprise().empty() ? everybody : enterprise;
}

void Cluster::take(const EnterpriseId& enterprise, const NodeAllocation& allocation) {
    ClusterNode& used = node(allocation.node);
    const NodeIndex::Key before = NodeIndex::key_of(used.state);
    used.state.take(owner_on(used, enterprise), allocation);
    if (used.health == NodeHealth::Up) {
        for (const std::uint32_t number : used.partitions) {
            partitions_[number].free.move(used, before);
        }
    }
}

void Cluster::give(const NodeAllocation& allocation) {
    ClusterNode& used = node(allocation.node);
    const NodeIndex::Key before = NodeIndex::key_of(used.state);
    used.state.give(allocation);
    if (used.health == NodeHealth::Up) {
        for (const std::uint32_t number : used.partitions) {
            partitions_[number].free.move(used, before);
        }
    }
}

const ClusterNode* Cluster::find(NodeId id) const {
    const auto found = nodes_.find(id);
    return found == nodes_.end() ? nullptr : &found->second;
}

const ClusterNode* Cluster::find(const NodeName& name) const {
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : find(found->second);
}

const ClusterNode& Cluster::at(NodeId id) const {
    const ClusterNode* found = find(id);
    KHU_CHECK(found != nullptr, "node {}", id.value);
    return *found;
}

ClusterNode& Cluster::node(NodeId id) {
    const auto found = nodes_.find(id);
    KHU_CHECK(found != nodes_.end(), "node {}", id.value);
    return found->second;
}

const Cluster::PartitionIndex* Cluster::find_partition(const PartitionId& id) const {
    const auto found = std::ranges::lower_bound(partition_ids_, id);
    if (found == partition_ids_.end() || *found != id) {
        return nullptr;
    }
    return &partitions_[static_cast<std::size_t>(found - partition_ids_.begin())];
}

const PartitionNodes* Cluster::partition(const PartitionId& id) const {
    const PartitionIndex* found = find_partition(id);
    return found == nullptr ? nullptr : &found->partition;
}

const NodeIndex* Cluster::index(const PartitionId& id) const {
    const PartitionIndex* found = find_partition(id);
    return found == nullptr ? nullptr : &found->free;
}

const std::map<NodeId, const ClusterNode*>& Cluster::members(const PartitionId& id) const {
    static const std::map<NodeId, const ClusterNode*> none;
    const PartitionIndex* found = find_partition(id);
    return found == nullptr ? none : found->members;
}

const std::vector<ClassCount>& Cluster::classes(const PartitionId& id) const {
    static const std::vector<ClassCount> none;
    const PartitionIndex* found = find_partition(id);
    return found == nullptr ? none : found->classes;
}

const Mix& Cluster::mix(const PartitionId& id) const {
    static const Mix none;
    const auto found = mixes_.find(id);
    return found == mixes_.end() ? none : found->second;
}

BestScores& Cluster::best_scores(const PartitionId& id) const {
    const PartitionIndex* found = find_partition(id);
    KHU_CHECK(found != nullptr, "partition {}", id.value);
    return found->best;
}

std::vector<PartitionId> Cluster::partitions_of(const ClusterNode& node) const {
    std::vector<PartitionId> ids;
    for (const std::uint32_t number : node.partitions) {
        ids.push_back(partition_ids_[number]);
    }
    return ids;
}

void Cluster::index_node(const ClusterNode& node) {
    if (node.health == NodeHealth::Up) {
        for (const std::uint32_t number : node.partitions) {
            partitions_[number].free.insert(node);
        }
    }
}

void Cluster::unindex_node(const ClusterNode& node) {
    if (node.health == NodeHealth::Up) {
        for (const std::uint32_t number : node.partitions) {
            partitions_[number].free.erase(node);
        }
    }
}

void Cluster::PartitionIndex::count(const ClusterNode& node, int change) {
    const std::shared_ptr<const NodeClass>& type = node.state.shared_class();
    auto found = std::ranges::find(classes, type, &ClassCount::type);
    if (found == classes.end()) {
        found = classes.insert(found, {.type = type});
    }
    found->nodes += change;
    best.forget();
    if (found->nodes == 0) {
        classes.erase(found);
    }
}

void Cluster::join_partitions(ClusterNode& node) {
    for (std::uint32_t number = 0; number < partitions_.size(); ++number) {
        PartitionIndex& index = partitions_[number];
        if (std::ranges::binary_search(index.partition.nodes, node.name)) {
            node.partitions.push_back(number);
            index.members.emplace(node.id, &node);
            index.count(node, 1);
        }
    }
}

void Cluster::leave_partitions(ClusterNode& node) {
    for (const std::uint32_t number : node.partitions) {
        partitions_[number].members.erase(node.id);
        partitions_[number].count(node, -1);
    }
    node.partitions.clear();
}

void Cluster::locate(ClusterNode& node, NodeLocation location) {
    const std::string room = location.room + '\n';
    const std::string rack = room + location.rack + '\n';
    const std::string leaf = rack + location.leaf_switch;
    node.subtrees = {1, location.room.empty() ? 0 : subtree(room),
                     location.rack.empty() ? 0 : subtree(rack),
                     location.leaf_switch.empty() ? 0 : subtree(leaf)};
    node.location = std::move(location);
}

SubtreeNumber Cluster::subtree(const std::string& path) {
    const auto next = static_cast<SubtreeNumber>(subtrees_.size()) + 2;  // 0 unknown, 1 the zone
    return subtrees_.emplace(path, next).first->second;
}

}  // namespace khu
