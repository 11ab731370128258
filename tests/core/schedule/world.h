#pragma once

/// \file
/// A random zone of a few nodes and what a reference makes of it: the reference has no index, no
/// memo and no reservations, it copies the whole cluster and tries.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "tests/core/schedule/zone.h"

namespace khu::machines {

/// A job that runs, as the reference sees it.
struct Busy {
    Moment deadline;
    EnterpriseId enterprise;
    Placement placement;
};

class World {
public:
    explicit World(std::uint64_t seed, int reservations = 1)
        : random(seed), zone(static_cast<int>(3 + seed % 4), small(), kSmallShare, reservations) {
        for (const auto& [id, node] : zone.scheduler.cluster().nodes()) {
            const std::string rack = "r" + std::to_string(id.value % 2);
            zone.scheduler.node_location(id, {.room = "hall", .rack = rack, .leaf_switch = {}});
        }
    }

    static Build small() {
        return {.numas = 2, .cores = 24, .gpus = 4, .memory = gibibytes(96), .model = "t4"};
    }
    inline static const GpuShare kSmallShare{.cores = 4, .memory = gibibytes(16)};

    /// A job that the zone could run, with at least its GPUs' share of cores and memory: only then
    /// is a node that gets something back never worse than before (fit.h: no stranded GPU).
    void submit() {
        GangRequest request = gpus(static_cast<int>(random.below(5)));
        request.enterprise = random.chance(700) ? kSaoMai : kHanRiver;
        request.nodes = static_cast<int>(1 + random.below(random.chance(300) ? 4 : 2));
        request.shape.cores = request.shape.gpus * 4 + static_cast<int>(random.between(1, 6));
        request.shape.memory = gibibytes(16) * request.shape.gpus + gibibytes(random.between(0, 8));
        request.within = random.chance(200) ? "rack" : "";
        const std::vector<PartitionId>& partitions = zone.scheduler.cluster().partition_ids();
        request.partition = partitions[random.below(partitions.size())];
        const Span limit = minutes(random.between(1, 10) * 30);
        if (!could_ever_fit(zone.scheduler.cluster(), request)) {
            return;  // Refused, as the machine would.
        }
        zone.submit(request, limit, random.chance(50) ? 1 : 0);
    }

    /// The running job whose deadline is next ends, now and then some minutes early.
    void end_one() {
        if (busy.empty()) {
            return;
        }
        const auto next = std::ranges::min_element(busy, {}, [](const auto& entry) {
            return std::pair(entry.second.deadline, entry.first);
        });
        const Span early = random.chance(500) ? minutes(random.between(0, 90)) : Span{0};
        zone.now = std::max(zone.now, next->second.deadline - early);
        const JobId job = next->first;
        busy.erase(next);
        zone.end(job);
    }

    /// One round; its starts become facts.
    std::vector<JobId> round() {
        std::vector<JobId> started;
        const RoundResult result = zone.scheduler.round(zone.door, zone.now);
        zone.apply(result);
        for (const Start& start : result.starts) {
            const QueuedJob& job = zone.jobs.at(start.job);
            busy[start.job] = {zone.now + job.time_limit, job.request.enterprise, start.placement};
            started.push_back(start.job);
        }
        return started;
    }

    /// Empty nodes like the zone's, with what `running` has taken.
    [[nodiscard]] Cluster copy(const std::map<JobId, Busy>& running) const {
        Cluster made;
        std::vector<PartitionNodes> partitions;
        for (const PartitionId& id : zone.scheduler.cluster().partition_ids()) {
            partitions.push_back(*zone.scheduler.cluster().partition(id));
        }
        made.set_partitions(partitions);
        for (const auto& [id, node] : zone.scheduler.cluster().nodes()) {
            made.add(id, node.name, node.state.shared_class(), node.location, node.health);
        }
        for (const auto& [id, job] : running) {
            take(made, job.enterprise, job.placement);
        }
        return made;
    }

    /// When the job could start if those ended at their deadlines, found by trying after each end.
    [[nodiscard]] std::optional<Moment> earliest(JobId job, std::map<JobId, Busy> running) const {
        Cluster later = copy(running);
        const GangRequest& request = zone.jobs.at(job).request;
        Moment at = zone.now;
        while (!place(later, request)) {
            if (running.empty()) {
                return std::nullopt;
            }
            const auto next = std::ranges::min_element(running, {}, [](const auto& entry) {
                return std::pair(entry.second.deadline, entry.first);
            });
            at = std::max(at, next->second.deadline);
            for (const NodeAllocation& allocation : next->second.placement.nodes) {
                later.give(allocation);
            }
            running.erase(next);
        }
        return at;
    }

    /// Whether the promised job could still start on that node at its time, if `job` started there
    /// now and ran on; tried on a copy with what runs then.
    [[nodiscard]] bool leaves_room(const StartReservation& promise, JobId job, NodeId node) const {
        if (!std::ranges::binary_search(promise.nodes, node)) {
            return true;
        }
        GangRequest one = zone.jobs.at(job).request;
        one.nodes = 1;
        const NodeFilter here = [&](NodeId each) { return each == node; };
        const Expected<Placement, Misfit> asked = place(copy(busy), one, here);
        std::map<JobId, Busy> then = busy;
        std::erase_if(then, [&](const auto& each) { return each.second.deadline <= promise.at; });
        Cluster later = copy(then);
        if (!asked) {
            return false;
        }
        take(later, one.enterprise, *asked);
        GangRequest promised = zone.jobs.at(promise.job).request;
        promised.nodes = 1;
        return place(later, promised, here).has_value();
    }

    Random random;
    Zone zone;
    std::map<JobId, Busy> busy;
};

inline void expect_no_double_use(const World& world) {
    const Cluster again = world.copy(world.busy);  // claims that nothing is taken twice
    for (const auto& [id, node] : again.nodes()) {
        EXPECT_TRUE(node.state == world.zone.scheduler.cluster().at(id).state) << id.value;
    }
}

/// Every job that waits has a reason: it does not fit, or only where a job before it has reserved,
/// or the ledger says no.
inline void expect_nothing_left_out(const World& world) {
    const Zone& zone = world.zone;
    const Cluster now = world.copy(world.busy);
    for (const auto& [id, job] : zone.jobs) {
        if (!zone.scheduler.queue().contains(id) || zone.door.refuses(id)) {
            continue;
        }
        const QueueOrder order = zone.scheduler.queue().order_of(id);
        const NodeFilter allowed = [&](NodeId node) {
            return std::ranges::all_of(zone.scheduler.memo().reservations(), [&](const auto& each) {
                return !(each.second.order < order) ||
                       zone.now + job.time_limit <= each.second.at ||
                       world.leaves_room(each.second, id, node);
            });
        };
        EXPECT_FALSE(place(now, job.request, allowed).has_value())
            << "job " << id.value << " could start and does not";
    }
}

}  // namespace khu::machines
