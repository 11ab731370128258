#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/core/schedule/world.h"

namespace khu {
namespace {

using namespace machines;

int seeds_to_try() {
    const char* asked = std::getenv("KHU_ROUND_SEEDS");
    return asked == nullptr ? 150 : std::max(1, std::atoi(asked));
}

bool stands_before(const World& world, JobId job, QueueOrder order) {
    return QueueOrder{world.zone.jobs.at(job).tier, Moment{0}, job} < order;
}

class Backfill : public testing::Test {
protected:
    /// The first waiting job's promise, as long as it is the same job's and nobody with a better
    /// place in the queue came.
    void follow_promise(const World& world, const std::vector<JobId>& started) {
        const StartReservation* now = world.zone.reservation();
        const bool overtaken = now != nullptr && std::ranges::any_of(started, [&](JobId job) {
                                   return stands_before(world, job, now->order);
                               });
        if (now != nullptr && promise_ && promise_->job == now->job && !overtaken) {
            ++followed_;
            EXPECT_LE(now->at.value, promise_->at.value) << "job " << now->job.value;
        }
        promise_ = now == nullptr ? std::nullopt : std::optional(*now);
    }

    std::optional<StartReservation> promise_;
    int followed_{0};
    int passed_{0};  ///< starts of jobs behind a reservation
};

TEST_F(Backfill, NeverMovesTheFirstJobsReservationLater) {
    for (int seed = 1; seed <= seeds_to_try(); ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        World world(static_cast<std::uint64_t>(seed));
        promise_.reset();
        for (int step = 0; step < 60; ++step) {
            if (world.random.chance(550)) {
                world.submit();
            } else {
                world.end_one();
            }
            const std::map<JobId, Busy> before = world.busy;
            const std::vector<JobId> started = world.round();
            expect_no_double_use(world);
            expect_nothing_left_out(world);
            follow_promise(world, started);

            const StartReservation* first = world.zone.reservation();
            if (first == nullptr) {
                continue;
            }
            // Without those that were let pass it could not have started earlier.
            std::map<JobId, Busy> ahead = before;
            for (const JobId job : started) {
                if (stands_before(world, job, first->order)) {
                    ahead[job] = world.busy.at(job);
                } else {
                    ++passed_;
                }
            }
            const std::optional<Moment> alone = world.earliest(first->job, ahead);
            const std::optional<Moment> beside = world.earliest(first->job, world.busy);
            ASSERT_TRUE(alone && beside);
            EXPECT_LE(beside->value, alone->value) << "job " << first->job.value;
            EXPECT_EQ(beside->value, first->at.value);
        }
    }
    EXPECT_GT(followed_, seeds_to_try());
    EXPECT_GT(passed_, seeds_to_try());
}

TEST_F(Backfill, StartsEveryJobThatFitsInTheEnd) {
    for (int seed = 1; seed <= seeds_to_try(); ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        World world(static_cast<std::uint64_t>(seed));
        for (int job = 0; job < 30; ++job) {
            world.submit();
        }
        world.round();
        while (!world.busy.empty()) {
            world.end_one();
            world.round();
        }
        const Cluster empty = world.copy({});
        for (const auto& [id, job] : world.zone.jobs) {
            const bool waits = world.zone.scheduler.queue().contains(id);
            EXPECT_TRUE(!waits || !place(empty, job.request)) << "job " << id.value;
        }
    }
}

TEST_F(Backfill, IsDeterministic) {
    for (int seed = 1; seed <= 20; ++seed) {
        World one(static_cast<std::uint64_t>(seed));
        World two(static_cast<std::uint64_t>(seed));
        for (int step = 0; step < 60; ++step) {
            for (World* world : {&one, &two}) {
                if (world->random.chance(550)) {
                    world->submit();
                } else {
                    world->end_one();
                }
            }
            ASSERT_EQ(one.round(), two.round()) << "seed " << seed << " step " << step;
            for (const auto& [job, placement] : one.zone.running) {
                ASSERT_TRUE(two.zone.running.at(job) == placement);
            }
        }
    }
}

/// Cancels, drains, closes and opens an enterprise, and two partitions with nodes in common.
class Troubled : public World {
public:
    explicit Troubled(std::uint64_t seed) : World(seed) {
        PartitionNodes first_two = *zone.scheduler.cluster().partition(kPartition);
        PartitionNodes all = first_two;
        first_two.id = PartitionId{"debug"};
        first_two.nodes.resize(2);
        zone.scheduler.partitions_changed({all, first_two});
    }

    void trouble() {
        const auto node = NodeId{1 + random.below(zone.scheduler.cluster().nodes().size())};
        switch (random.below(5)) {
            case 0:
                return cancel_one();
            case 1:
                return zone.scheduler.node_health(node, NodeHealth::Drained);
            case 2:
            case 3:
                return zone.scheduler.node_health(node, NodeHealth::Up);
            default:
                return toggle(random.chance(500) ? kSaoMai : kHanRiver);
        }
    }

private:
    void cancel_one() {
        if (zone.jobs.empty()) {
            return;
        }
        const JobId job{1 + random.below(zone.last_job)};
        if (zone.scheduler.queue().contains(job)) {
            zone.scheduler.job_unqueued(job);
        }
    }
    void toggle(const EnterpriseId& enterprise) {
        if (zone.door.closed.erase(enterprise) == 0) {
            zone.door.closed.insert(enterprise);
        }
        zone.scheduler.admission_changed(enterprise);
    }
};

TEST(Trouble, LeavesNoJobWaitingWithoutAReason) {
    for (int seed = 1; seed <= seeds_to_try(); ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        Troubled world(static_cast<std::uint64_t>(seed));
        for (int step = 0; step < 100; ++step) {
            const std::uint64_t what = world.random.below(10);
            if (what < 5) {
                world.submit();
            } else if (what < 8) {
                world.end_one();
            } else {
                world.trouble();
            }
            world.round();
            expect_no_double_use(world);
            expect_nothing_left_out(world);
            if (HasFailure()) {
                return;
            }
        }
    }
}

}  // namespace
}  // namespace khu
