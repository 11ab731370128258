/// Facts about nodes.

#include <algorithm>

#include "core/machine/apply.h"
#include "core/machine/decide.h"
#include "core/machine/settle_booked.h"

namespace khu::apply_detail {
namespace {

NodeHealth health_of(const NodeRecord& node) {
    if (!node.up) {
        return NodeHealth::Lost;
    }
    return node.drained ? NodeHealth::Drained : NodeHealth::Up;
}

/// Orders that the node has not answered are said again: the agent may be a new one.
Effects orders_for(const State& state, NodeId node, Moment at) {
    Effects effects;
    const auto jobs = state.jobs_on.find(node);
    if (jobs == state.jobs_on.end()) {
        return effects;
    }
    for (const JobId id : jobs->second) {
        const Job& job = state.truth.jobs.at(id);
        const Attempt& attempt = *live_attempt(job);
        const std::size_t rank = *decide_detail::rank_of(attempt, node);
        if (std::holds_alternative<Ending>(job.phase)) {
            effects.push_back(decide_detail::to_node(
                state, node, decide_detail::stop_message(job, "the attempt is over", at)));
        } else if (attempt.stages[rank] == NodeStage::Ordered) {
            effects.push_back(decide_detail::to_node(
                state, node, decide_detail::start_message(state, job, rank, at)));
        }
    }
    return effects;
}

}  // namespace

NodeLocation place_of(const State& state, const NodeName& node) {
    const auto found = state.places.find(node);
    return found == state.places.end() ? NodeLocation{} : found->second;
}

/// Where the policy says that nodes stand.
void use_topology(State& state) {
    state.places.clear();
    for (const NodePlace& row : state.truth.policy->topology) {
        NodeLocation location{.room = row.room.value,
                              .rack = row.rack.value,
                              .leaf_switch = row.leaf_switch.value,
                              .features = row.features};
        std::ranges::sort(location.features);
        for (const NodeName& node : row.nodes) {
            state.places.emplace(node, location);
        }
    }
    for (const auto& [id, node] : state.truth.nodes) {
        state.scheduler.node_location(id, place_of(state, node.name));
    }
}

void set_health(State& state, const NodeRecord& node) {
    state.reservation_due_at = Moment{0};
    state.lending.stale = true;
    state.scheduler.node_health(node.id, health_of(node));
}

void add_node(State& state, const NodeRecord& node) {
    auto node_class = state.classes.intern(node.name, node.inventory);
    KHU_CHECK(node_class.has_value(), "node {}", node.name.value);
    if (state.scheduler.cluster().find(node.id) == nullptr) {
        state.scheduler.node_joined(node.id, node.name, *node_class, place_of(state, node.name),
                                    health_of(node));
    } else if (state.scheduler.cluster().at(node.id).state.shared_class() != *node_class) {
        state.scheduler.node_class(node.id, *node_class);
    }
    state.node_names[node.name] = node.id;
}

namespace {

/// Of what the node has nobody uses so much, though it is set aside.
std::int64_t set_aside_idle(const State& state, NodeId node, std::int64_t milli) {
    if (!state.set_aside.contains(node)) {
        return 0;
    }
    const auto jobs = state.jobs_on.find(node);
    for (const JobId job : jobs == state.jobs_on.end() ? std::set<JobId>{} : jobs->second) {
        const auto nodes = static_cast<std::int64_t>(
            live_attempt(state.truth.jobs.at(job))->placement.nodes.size());
        milli -= state.truth.books.at(job).terms.billable_milli / nodes;
    }
    return std::max<std::int64_t>(0, milli);
}

}  // namespace

void rate_node(State& state, const NodeRecord& node) {
    NodeCapacity is;
    const Partition* partition =
        state.truth.policy ? partition_of(*state.truth.policy, node.name) : nullptr;
    if (partition != nullptr) {
        const auto jobs = state.jobs_on.find(node.id);
        const bool busy = jobs != state.jobs_on.end() && !jobs->second.empty();
        is = {.partition = partition->id,
              .milli = node_milli(*state.truth.policy, *partition, node.inventory),
              .down = !node.up,
              .maintenance = node.drained && !busy};
        is.reserved_idle = set_aside_idle(state, node.id, is.milli);
    }
    state.truth.capacity.set(node.id, is);
}

void rate_set_aside(State& state, NodeId node, Moment at) {
    if (state.set_aside.contains(node)) {
        state.truth.capacity.advance(at);
        rate_node(state, state.truth.nodes.at(node));
    }
}

namespace {

GpuShare share_of(const Partition& partition) {
    GpuShare share{.cores = partition.share.cores_per_gpu,
                   .memory = gibibytes(partition.share.mem_gib_per_gpu),
                   .model = partition.gpu};
    for (const SliceRule& rule : partition.slices) {
        share.slices.push_back({.model = rule.id,
                                .cores = rule.cores_per_slice,
                                .memory = gibibytes(rule.mem_gib_per_slice)});
    }
    return share;
}

}  // namespace

void use_partitions(State& state) {
    use_topology(state);
    std::vector<PartitionNodes> partitions;
    for (const Partition& each : state.truth.policy->partitions) {
        partitions.push_back({.id = each.id,
                              .nodes = each.nodes,
                              .share = share_of(each),
                              .reservations = each.reservations,
                              .shared = each.sharing == Sharing::Everybody});
    }
    state.scheduler.partitions_changed(partitions);
    for (const auto& [id, node] : state.truth.nodes) {
        rate_node(state, node);
    }
}

Effects on(State& state, const NodeJoined& fact, Moment at) {
    Truth& truth = state.truth;
    truth.capacity.advance(at);
    if (fact.node == truth.next_node) {
        truth.next_node = NodeId{fact.node.value + 1};
    }
    NodeRecord& node = truth.nodes[fact.node];
    KHU_CHECK(fact.epoch > node.epoch, "{} after {}", fact.epoch.value, node.epoch.value);
    node.id = fact.node;
    node.name = fact.name;
    node.epoch = fact.epoch;
    node.instance = fact.instance;
    if (node.run != 0 && node.run != fact.run) {
        node.restarted_at = at;
    }
    node.run = fact.run;
    node.hello = fact.hello;
    node.address = fact.address;
    node.version = fact.version;
    node.inventory = fact.inventory;
    node.up = true;
    add_node(state, node);
    set_health(state, node);
    rate_node(state, node);
    count_missing(state, at);
    state.heard_at[fact.node] = at;
    return orders_for(state, fact.node, at);
}

Effects on(State& state, const NodeLost& fact, Moment at) {
    state.truth.capacity.advance(at);
    NodeRecord& node = state.truth.nodes.at(fact.node);
    KHU_CHECK(node.up);
    node.up = false;
    set_health(state, node);
    rate_node(state, node);
    count_missing(state, at);
    return {};
}

Effects on(State& state, const NodeDrained& fact, Moment at) {
    state.truth.capacity.advance(at);
    NodeRecord& node = state.truth.nodes.at(fact.node);
    node.drained = true;
    node.drain_reason = fact.reason;
    set_health(state, node);
    rate_node(state, node);
    count_missing(state, at);
    return {};
}

Effects on(State& state, const NodeResumed& fact, Moment at) {
    state.truth.capacity.advance(at);
    NodeRecord& node = state.truth.nodes.at(fact.node);
    node.drained = false;
    node.drain_reason.clear();
    set_health(state, node);
    rate_node(state, node);
    count_missing(state, at);
    return {};
}

Effects on(State& state, const NodeHeard& fact, Moment at) {
    state.heard_at[fact.node] = at;
    return {};
}

}  // namespace khu::apply_detail
