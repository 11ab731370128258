#include <gtest/gtest.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <set>
#include <tuple>

#include "core/base/limits.h"
#include "core/base/random.h"
#include "core/schedule/preempt.h"
#include "tests/core/schedule/world.h"

namespace khu {
namespace {

using namespace machines;

constexpr Span kGrace = minutes(5);

int seeds_to_try() {
    const char* asked = std::getenv("KHU_PREEMPT_SEEDS");
    return asked == nullptr ? 120 : std::max(1, std::atoi(asked));
}

/// A zone in which charged and idle jobs come and end, time goes on, and whoever was told leaves
/// within its grace.
class IdleWorld {
public:
    explicit IdleWorld(std::uint64_t seed)
        : random(seed), zone(static_cast<int>(2 + seed % 4), World::small(), World::kSmallShare) {
        for (const auto& [id, node] : zone.scheduler.cluster().nodes()) {
            const std::string rack = "r" + std::to_string(id.value % 2);
            zone.scheduler.node_location(id, {.room = "hall", .rack = rack, .leaf_switch = {}});
        }
        zone.scheduler.preemption({.on = true, .grace = kGrace, .ranks = {}});
    }

    [[nodiscard]] bool idle(JobId job) const { return zone.jobs.at(job).way.yields; }

    void submit() {
        GangRequest request = gpus(static_cast<int>(1 + random.below(4)));
        request.enterprise = random.chance(700) ? kSaoMai : kHanRiver;
        request.nodes = static_cast<int>(1 + random.below(random.chance(300) ? 3 : 1));
        request.shape.cores = request.shape.gpus * 4 + static_cast<int>(random.between(0, 4));
        request.shape.memory = gibibytes(16) * request.shape.gpus;
        request.within = random.chance(150) ? "rack" : "";
        if (!could_ever_fit(zone.scheduler.cluster(), request)) {
            return;
        }
        const bool is_idle = random.chance(450);
        const Span after = random.chance(500) ? Span{0} : minutes(random.between(1, 40));
        const GivingWay way =
            is_idle ? GivingWay{.yields = true, .after = after, .holds_place = false} : GivingWay{};
        zone.submit(request, minutes(random.between(1, 12) * 20), is_idle ? 0 : 1, way);
    }

    /// To the next thing that happens: an end, a departure, an attempt that ripens.
    void go_on() {
        Moment next = kNever;
        for (const auto& [job, at] : ends) {
            next = std::min(next, at);
        }
        if (const std::optional<Moment> wake = zone.scheduler.next_wake()) {
            next = std::min(next, *wake);
        }
        if (next == kNever) {
            return;
        }
        zone.now = std::max(zone.now, next);
        std::vector<JobId> over;
        for (const auto& [job, at] : ends) {
            if (at <= zone.now) {
                over.push_back(job);
            }
        }
        for (const JobId job : over) {
            ends.erase(job);
            running.erase(job);
            zone.end(job);
        }
    }

    void cancel_one() {
        const JobId job{1 + random.below(std::max<std::uint64_t>(1, zone.last_job))};
        if (zone.jobs.contains(job) && zone.scheduler.queue().contains(job)) {
            zone.scheduler.promise_over(job);
            zone.scheduler.job_unqueued(job);
        }
    }

    /// One round as facts; false if it decided nothing.
    bool round() {
        const RoundResult result = zone.scheduler.round(zone.door, zone.now);
        zone.apply(result);
        for (const Start& start : result.starts) {
            const QueuedJob& job = zone.jobs.at(start.job);
            const Span early = random.chance(500) ? minutes(random.between(0, 60)) : Span{0};
            ends[start.job] = std::max(zone.now + minutes(1), zone.now + job.time_limit - early);
            running[start.job] = {zone.now + job.time_limit, job.request.enterprise,
                                  start.placement};
            taken[start.job] = zone.now;
        }
        for (const Eviction& eviction : result.evictions) {
            for (const JobId victim : eviction.victims) {
                ends[victim] =
                    std::min(ends.at(victim), zone.now + seconds(random.between(0, 300)));
                told.emplace_back(eviction.promise.job, victim);
            }
        }
        return !result.starts.empty() || !result.evictions.empty() || !result.lapsed.empty();
    }
    void settle() {
        while (round()) {
        }
    }

    /// Empty nodes with what those have.
    [[nodiscard]] Cluster with(const std::map<JobId, Busy>& attempts) const {
        Cluster made;
        std::vector<PartitionNodes> partitions;
        for (const PartitionId& id : zone.scheduler.cluster().partition_ids()) {
            partitions.push_back(*zone.scheduler.cluster().partition(id));
        }
        made.set_partitions(partitions);
        for (const auto& [id, node] : zone.scheduler.cluster().nodes()) {
            made.add(id, node.name, node.state.shared_class(), node.location, node.health);
        }
        for (const auto& [id, job] : attempts) {
            take(made, job.enterprise, job.placement);
        }
        return made;
    }
    [[nodiscard]] bool ripe(JobId job) const {
        return idle(job) && taken.at(job) + zone.jobs.at(job).way.after <= zone.now;
    }

    Random random;
    Zone zone;
    std::map<JobId, Moment> ends;
    std::map<JobId, Busy> running;
    std::map<JobId, Moment> taken;
    std::vector<std::pair<JobId, JobId>> told;  ///< for whom, and who
};

/// I-25, first half: whoever could start if nothing were there that may be told, has started or
/// was promised a place. The reference has no index and no memo: it builds that zone and tries.
void expect_nobody_waits_for_idle(const IdleWorld& world) {
    const Zone& zone = world.zone;
    std::map<JobId, Busy> charged = world.running;
    std::erase_if(charged, [&](const auto& each) { return world.ripe(each.first); });
    Cluster bare = world.with(charged);
    for (const auto& [job, promise] : zone.scheduler.clearings().all()) {
        const NodeFilter there = [&](NodeId node) {
            return std::ranges::binary_search(promise.nodes, node);
        };
        const Expected<Placement, Misfit> part = place(bare, promise.request, there);
        ASSERT_TRUE(part.has_value()) << "job " << job.value << " was promised what there is not";
        take(bare, promise.request.enterprise, *part);
    }
    for (const auto& [id, job] : zone.jobs) {
        if (!zone.scheduler.queue().contains(id) || world.idle(id) ||
            zone.scheduler.clearings().find(id) != nullptr) {
            continue;
        }
        const QueueOrder order = zone.scheduler.queue().order_of(id);
        const NodeFilter beside_others = [&](NodeId node) {
            return std::ranges::all_of(zone.scheduler.memo().reservations(), [&](const auto& each) {
                const StartReservation& reserved = each.second;
                return !(reserved.order < order) ||
                       zone.now + kGrace + limits::promise_slack + job.time_limit <= reserved.at ||
                       leaves_room(reserved, bare, job.request, node);
            });
        };
        EXPECT_FALSE(place(bare, job.request, beside_others).has_value())
            << "only idle jobs are in the way of job " << id.value << " nodes " << job.request.nodes
            << " gpus " << job.request.shape.gpus << " cores " << job.request.shape.cores
            << " within " << job.request.within.str() << " block "
            << static_cast<int>(zone.scheduler.memo().block(
                   zone.scheduler.queue().lane(zone.scheduler.queue().lane_of(id))->key.shape))
            << " reservations " << zone.scheduler.memo().reservations().size() << " promises "
            << zone.scheduler.clearings().all().size() << " without bars: "
            << make_room(zone.scheduler.view(), zone.scheduler.preemption(), job.request, {}, {},
                         zone.now)
                   .has_value();
    }
}

/// I-25, second half: when a promise is due, its job runs.
void expect_promises_kept(const IdleWorld& world) {
    for (const auto& [job, promise] : world.zone.scheduler.clearings().all()) {
        EXPECT_GT(promise.by, world.zone.now) << "job " << job.value;
    }
}

void expect_no_double_use(const IdleWorld& world) {
    const Cluster again = world.with(world.running);  // claims that nothing is taken twice
    for (const auto& [id, node] : again.nodes()) {
        EXPECT_TRUE(node.state == world.zone.scheduler.cluster().at(id).state) << id.value;
    }
}

TEST(PreemptProperty, IdleJobsDelayNobodyBeyondTheGraceAndNoTwoEvictEachOther) {
    int told = 0;
    for (int seed = 1; seed <= seeds_to_try(); ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        IdleWorld world(static_cast<std::uint64_t>(seed));
        for (int step = 0; step < 80; ++step) {
            const std::uint64_t what = world.random.below(20);
            if (what < 9) {
                world.submit();
            } else if (what < 18) {
                world.go_on();
            } else {
                world.cancel_one();
            }
            world.settle();
            expect_no_double_use(world);
            expect_nobody_waits_for_idle(world);
            expect_promises_kept(world);
            if (testing::Test::HasFailure()) {
                FAIL() << "step " << step;
            }
        }
        const std::set<std::pair<JobId, JobId>> pairs(world.told.begin(), world.told.end());
        for (const auto& [winner, victim] : pairs) {
            EXPECT_FALSE(pairs.contains({victim, winner})) << winner.value << " " << victim.value;
            EXPECT_TRUE(world.idle(victim) && !world.idle(winner));
        }
        told += static_cast<int>(world.told.size());
    }
    EXPECT_GT(told, seeds_to_try());
}

TEST(PreemptProperty, ChargedReservationsComeNoLaterThanWithoutIdleJobs) {
    int followed = 0;
    for (int seed = 1; seed <= seeds_to_try(); ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        IdleWorld world(static_cast<std::uint64_t>(seed));
        for (int step = 0; step < 60; ++step) {
            world.random.chance(550) ? world.submit() : world.go_on();
            world.settle();
            const StartReservation* head = world.zone.reservation();
            if (head == nullptr || !world.zone.scheduler.clearings().empty()) {
                continue;
            }
            // What is sure of its place counts until it may be told, and leaves with the grace.
            Cluster later = world.with(world.running);
            std::vector<std::pair<Moment, JobId>> order;
            for (const auto& [job, busy] : world.running) {
                const Moment sure =
                    world.idle(job)
                        ? std::max(world.taken.at(job) + world.zone.jobs.at(job).way.after,
                                   world.zone.now) +
                              kGrace
                        : kNever;
                order.emplace_back(std::min(busy.deadline, sure), job);
            }
            std::ranges::sort(order);
            Moment at = world.zone.now;
            auto next = order.begin();
            while (!place(later, head->request) && next != order.end()) {
                at = std::max(at, next->first);
                for (const NodeAllocation& each : world.running.at(next->second).placement.nodes) {
                    later.give(each);
                }
                ++next;
            }
            ++followed;
            EXPECT_LE(head->at.value, (at + kGrace).value) << "job " << head->job.value;
        }
    }
    EXPECT_GT(followed, seeds_to_try());
}

/// What the place on a node costs, less is better: how much of the node nobody who is charged uses,
/// then what is lost. For a gang only that.
using Cost = std::tuple<int, int, std::int64_t>;

Cost cost_on(const Cluster& bare, const GangRequest& request, NodeId node, EvictionCost loss) {
    const NodeState& state = bare.at(node).state;
    return request.nodes > 1 ? Cost{0, 0, loss.gpu_ms}
                             : Cost{state.free_gpu_count(), state.free_cores(), loss.gpu_ms};
}

/// All sets of attempts that may be told, tried one by one on a copy.
struct Tried {
    bool any{false};
    Cost best_alone{INT_MAX, 0, 0};
};

Tried try_all(const IdleWorld& world, const Cluster& bare, const GangRequest& request,
              const std::vector<JobId>& may_go) {
    Tried tried;
    for (std::uint32_t set = 0; set < 1U << may_go.size(); ++set) {
        std::map<JobId, Busy> left = world.running;
        for (std::size_t i = 0; i < may_go.size(); ++i) {
            if ((set >> i & 1) != 0) {
                left.erase(may_go[i]);
            }
        }
        if (!place(world.with(left), request)) {
            continue;
        }
        tried.any = true;
        if (std::popcount(set) == 1) {
            const JobId job = may_go[static_cast<std::size_t>(std::countr_zero(set))];
            const RunningJob& attempt = *world.zone.scheduler.running().find(job);
            const EvictionCost loss = eviction_cost(attempt, {}, world.zone.now);
            const Cluster without = world.with(left);
            for (const NodeAllocation& has : attempt.nodes) {
                const NodeFilter here = [&](NodeId node) { return node == has.node; };
                if (request.nodes > 1 || place(without, request, here)) {
                    tried.best_alone =
                        std::min(tried.best_alone, cost_on(bare, request, has.node, loss));
                }
            }
        }
    }
    return tried;
}

TEST(PreemptProperty, RoomIsFoundIfThereIsAnyAndNobodyGoesInVain) {
    int found = 0;
    for (int seed = 1; seed <= seeds_to_try(); ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        IdleWorld world(static_cast<std::uint64_t>(seed));
        world.zone.scheduler.preemption({});  // nobody is told by rounds
        for (int step = 0; step < 25; ++step) {
            world.random.chance(700) ? world.submit() : world.go_on();
            world.settle();
        }
        std::vector<JobId> may_go;
        for (const auto& [job, busy] : world.running) {
            if (world.ripe(job) && may_go.size() < 10) {
                may_go.push_back(job);
            } else if (world.idle(job)) {
                continue;
            }
        }
        const auto all_ripe = std::ranges::count_if(
            world.running, [&](const auto& each) { return world.ripe(each.first); });
        for (const auto& [id, job] : world.zone.jobs) {
            if (world.idle(id) || all_ripe > 10 || place(world.with(world.running), job.request)) {
                continue;
            }
            std::map<JobId, Busy> charged = world.running;
            std::erase_if(charged, [&](const auto& each) { return world.idle(each.first); });
            const Cluster bare = world.with(charged);
            const Tried tried = try_all(world, bare, job.request, may_go);
            const std::optional<Room> room =
                make_room(world.zone.scheduler.view(), {.on = true, .grace = kGrace, .ranks = {}},
                          job.request, {}, {}, world.zone.now);
            ASSERT_EQ(room.has_value(), tried.any) << "job " << id.value;
            if (!room) {
                continue;
            }
            ++found;
            EXPECT_LE(cost_on(bare, job.request, room->nodes[0].node, room->loss),
                      tried.best_alone);
            for (const JobId spared : room->victims) {
                std::map<JobId, Busy> left = world.running;
                for (const JobId victim : room->victims) {
                    if (victim != spared) {
                        left.erase(victim);
                    }
                }
                EXPECT_FALSE(place(world.with(left), job.request)) << "job " << spared.value;
            }
        }
    }
    EXPECT_GT(found, 20);
}

}  // namespace
}  // namespace khu
