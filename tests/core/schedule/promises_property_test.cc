/// Several reservations in each partition, in random zones: none of them moves later because of a
/// job that stands behind it, and whoever waits has a reason.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/core/schedule/world.h"

namespace khu {
namespace {

using namespace machines;

std::uint64_t seeds_to_try() {
    const char* asked = std::getenv("KHU_ROUND_SEEDS");
    return asked == nullptr ? 150 : static_cast<std::uint64_t>(std::max(1, std::atoi(asked)));
}

using All = std::map<PromiseKey, StartReservation>;

class SeveralPromises : public testing::TestWithParam<int> {
protected:
    const All& promises(const World& world) { return world.zone.scheduler.memo().reservations(); }

    /// Of two partitions: both list every node, so that their promises compete.
    void two_partitions(World& world) {
        PartitionNodes first = *world.zone.scheduler.cluster().partition(kPartition);
        first.reservations = GetParam();
        PartitionNodes second = first;
        second.id = PartitionId{"other"};
        world.zone.scheduler.partitions_changed({first, second});
    }

    void expect_apart(const World& world) {
        std::map<PartitionId, int> made;
        std::set<std::pair<PartitionId, NodeId>> nodes;
        for (const auto& [key, promise] : promises(world)) {
            EXPECT_LE(++made[key.first], GetParam());
            for (const NodeId node : promise.nodes) {
                EXPECT_TRUE(nodes.insert({key.first, node}).second) << "node " << node.value;
            }
        }
        most_ = std::max(most_, made.empty() ? 0 : made.begin()->second);
    }

    /// A promise holds against jobs behind it. One that stands before it may push it, by a start or
    /// by a promise that has moved.
    void follow(const World& world, const All& before, const std::vector<JobId>& started) {
        for (const auto& [key, now] : promises(world)) {
            const auto then = before.find(key);
            if (then == before.end()) {
                continue;
            }
            const auto stands_before = [&](JobId job) {
                return QueueOrder{world.zone.jobs.at(job).tier, Moment{0}, job} < now.order;
            };
            const bool overtaken = std::ranges::any_of(started, stands_before) ||
                                   earlier(promises(world), now) != earlier(before, now);
            if (!overtaken) {
                ++followed_;
                EXPECT_LE(now.at.value, std::max(then->second.at, world.zone.now).value)
                    << "job " << now.job.value;
            }
        }
    }

    static std::map<PromiseKey, std::vector<NodeId>> earlier(const All& all,
                                                             const StartReservation& than) {
        std::map<PromiseKey, std::vector<NodeId>> nodes;
        for (const auto& [key, promise] : all) {
            if (promise.order < than.order) {
                nodes[key] = promise.nodes;
            }
        }
        return nodes;
    }

    int followed_{0};
    int most_{0};
};

TEST_P(SeveralPromises, HoldAgainstWhoeverStandsBehind) {
    for (std::uint64_t seed = 1; seed <= seeds_to_try(); ++seed) {
        SCOPED_TRACE(seed);
        World world(seed, GetParam());
        if (seed % 3 == 0) {
            two_partitions(world);
        }
        for (int step = 0; step < 60; ++step) {
            const All before = promises(world);
            world.random.chance(600) ? world.submit() : world.end_one();
            std::vector<JobId> started;
            for (std::vector<JobId> more = world.round(); !more.empty(); more = world.round()) {
                started.insert(started.end(), more.begin(), more.end());
            }
            follow(world, before, started);
            expect_apart(world);
            expect_no_double_use(world);
            expect_nothing_left_out(world);
            if (HasFailure()) {
                FAIL() << "step " << step;
            }
        }
    }
    EXPECT_GT(followed_, 100);
    EXPECT_EQ(most_, std::min(GetParam(), most_));
    EXPECT_GE(most_, std::min(GetParam(), 2));
}

INSTANTIATE_TEST_SUITE_P(One, SeveralPromises, testing::Values(1));
INSTANTIATE_TEST_SUITE_P(More, SeveralPromises, testing::Values(2, 3, 8));

}  // namespace
}  // namespace khu
