/// The gradient against its definition, and what it changes of a placement: only where best fit
/// and the observed mix differ, and never whether a job fits.

#include "core/placement/mix.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/random.h"
#include "tests/core/placement/machines.h"

namespace khu {
namespace {

using namespace machines;

constexpr int kMost = static_cast<int>(limits::boards_per_node_max);

/// Counts and nothing else.
class Plain {
public:
    void count(int gpus, std::int64_t nodes) {
        if (gpus > 0) {
            starts[static_cast<std::size_t>(gpus)] += nodes;
        }
        while (sum() >= Mix::kWindow) {
            std::ranges::for_each(starts, [](std::int64_t& each) { each /= 2; });
        }
    }
    [[nodiscard]] std::int64_t stranded(int free) const {
        std::int64_t gpus = 0;
        for (int asked = free + 1; asked <= kMost; ++asked) {
            gpus += free * starts[static_cast<std::size_t>(asked)];
        }
        return gpus;
    }
    [[nodiscard]] std::int64_t gradient(int free, int taken) const {
        return stranded(free - taken) - stranded(free);
    }

    std::vector<std::int64_t> starts = std::vector<std::int64_t>(kMost + 1);

private:
    [[nodiscard]] std::int64_t sum() const {
        std::int64_t all = 0;
        for (const std::int64_t each : starts) {
            all += each;
        }
        return all;
    }
};

TEST(Mix, IsTheGradientOfItsDefinition) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        Random random(seed);
        Mix mix;
        Plain plain;
        for (int start = 0; start < 300; ++start) {
            const int gpus = static_cast<int>(random.below(random.chance(500) ? 3 : kMost + 1));
            const std::int64_t nodes = random.between(1, random.chance(100) ? 3'000 : 2);
            mix.count(gpus, nodes);
            plain.count(gpus, nodes);
            ASSERT_EQ(mix.starts(), plain.starts) << "seed " << seed;
        }
        EXPECT_EQ(Mix(mix.starts()), mix);
        for (int taken = 1; taken <= kMost; ++taken) {
            const Mix::Levels order = mix.order(taken);
            for (int free = taken; free <= kMost; ++free) {
                EXPECT_EQ(mix.gradient(free, taken), plain.gradient(free, taken));
            }
            for (std::size_t i = 1; i < order.size(); ++i) {
                const int before = order[i - 1];
                const int after = order[i];
                const auto cost = [&](int free) { return plain.gradient(free, taken); };
                EXPECT_TRUE(before < taken ||
                            std::pair(cost(before), before) < std::pair(cost(after), after))
                    << before << " before " << after;
            }
        }
    }
}

TEST(Mix, KeepsNoMoreThanItsWindow) {
    Mix mix;
    mix.count(1, Mix::kWindow * 5);
    EXPECT_LT(mix.starts()[1], Mix::kWindow);
    EXPECT_GE(mix.starts()[1], Mix::kWindow / 2);
}

/// Two nodes of eight GPUs, with four and with five free.
class FourAndFive : public testing::Test {
protected:
    FourAndFive() {
        const std::array<int, 2> free{4, 5};
        for (std::size_t node = 0; node < free.size(); ++node) {
            const NodeFilter here = [&](NodeId id) { return id.value == node + 1; };
            take(zone, kSaoMai, place(zone, gpus(8 - free[node]), here).value());
        }
    }
    void observe(const std::vector<std::int64_t>& starts) { zone.set_mix(kPartition, Mix(starts)); }

    Cluster zone = cluster(2, node_class(dgx()));
    const std::vector<std::int64_t> ones_and_fours{0, 90, 0, 0, 10};
};

TEST_F(FourAndFive, BestFitStrandsTheJobToComeAndTheMixDoesNot) {
    const Placement best_fit = place(zone, gpus(1)).value();
    observe(ones_and_fours);
    const Placement by_mix = place(zone, gpus(1)).value();

    EXPECT_EQ(best_fit.nodes[0].node, NodeId{1});
    EXPECT_EQ(by_mix.nodes[0].node, NodeId{2});
    EXPECT_NE(best_fit.receipt.rules.back(), "room_for_others");
    EXPECT_EQ(by_mix.receipt.rules.back(), "room_for_others");
    take(zone, kSaoMai, by_mix);
    take(zone, kSaoMai, place(zone, gpus(4)).value());
    EXPECT_TRUE(place(zone, gpus(4)).has_value());
}

TEST_F(FourAndFive, AMixOfOneSizeIsBestFit) {
    observe({0, 100});

    const Placement placed = place(zone, gpus(1)).value();

    EXPECT_EQ(placed.nodes[0].node, NodeId{1});
    EXPECT_NE(placed.receipt.rules.back(), "room_for_others");
}

TEST_F(FourAndFive, TheMixOfAnotherPartitionDoesNotCount) {
    zone.set_mix(PartitionId{"other"}, Mix(ones_and_fours));

    EXPECT_EQ(place(zone, gpus(1)).value().nodes[0].node, NodeId{1});
}

TEST_F(FourAndFive, OutlivesANewPolicy) {
    observe(ones_and_fours);
    zone.set_partitions({*zone.partition(kPartition)});

    EXPECT_EQ(place(zone, gpus(1)).value().nodes[0].node, NodeId{2});
}

TEST_F(FourAndFive, ANodeThatTheEnterpriseUsesComesBeforeOneThatItDoesNot) {
    zone.add(NodeId{3}, NodeName{"n3"}, node_class(dgx()), {}, NodeHealth::Up);
    PartitionNodes larger = *zone.partition(kPartition);
    larger.nodes.emplace_back("n3");
    zone.set_partitions({larger});
    observe({0, 1, 0, 0, 1'000});  // Breaking the node of four costs most.
    take(zone, kSaoMai, place(zone, gpus(5)).value());

    EXPECT_EQ(place(zone, gpus(1)).value().nodes[0].node, NodeId{1});
}

/// Of two nodes, the first has two GPUs free that are far apart, the second three of which two are
/// near.
TEST(ByMix, ABetterLinkComesFirst) {
    Cluster zone = cluster(2, node_class(t4_server()), 0, {.cores = 4, .memory = gibibytes(16)});
    const auto take_gpus = [&](std::uint64_t node, std::vector<int> gpus) {
        zone.take(kSaoMai,
                  {.node = NodeId{node}, .gpus = std::move(gpus), .cores = {}, .memory = {}});
    };
    take_gpus(1, {0, 1, 2, 5, 6, 7});  // 3 and 4 stay
    take_gpus(2, {0, 1, 2, 3, 4});     // 5, 6 and 7 stay
    zone.set_mix(kPartition, Mix({0, 0, 1, 1'000}));

    EXPECT_EQ(place(zone, gpus(2)).value().nodes[0].node, NodeId{2});
}

/// A zone with some of its GPUs taken.
Cluster half_full(Random& random, int nodes) {
    Cluster zone = cluster(nodes, node_class(dgx()), 2);
    for (int job = 0; job < nodes * 2; ++job) {
        const auto on = NodeId{1 + random.below(static_cast<std::uint64_t>(nodes))};
        const NodeFilter here = [&](NodeId id) { return id == on; };
        const GangRequest request = gpus(static_cast<int>(random.between(1, 5)));
        if (const Expected<Placement, Misfit> placed = place(zone, request, here)) {
            take(zone, kSaoMai, *placed);
        }
    }
    return zone;
}

TEST(ByMix, FitsWhatFitsAndCostsNoMoreThanBestFit) {
    int better = 0;
    for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        Cluster zone = half_full(random, static_cast<int>(random.between(1, 8)));
        Mix mix;
        for (int size = 0; size < 2; ++size) {  // Of evenly spread sizes best fit keeps most.
            mix.count(static_cast<int>(random.between(1, 8)), random.between(1, 20));
        }
        const GangRequest request =
            gpus(static_cast<int>(random.between(1, 8)), static_cast<int>(random.between(1, 3)));
        const Expected<Placement, Misfit> best_fit = place(zone, request);
        zone.set_mix(kPartition, mix);
        const Expected<Placement, Misfit> by_mix = place(zone, request);

        ASSERT_EQ(best_fit.has_value(), by_mix.has_value());
        EXPECT_EQ(can_place(zone, request), by_mix.has_value());
        if (!by_mix) {
            EXPECT_EQ(best_fit.error(), by_mix.error());
            continue;
        }
        const auto cost = [&](const Placement& placement) {
            std::int64_t sum = 0;
            for (const NodeAllocation& each : placement.nodes) {
                sum += mix.gradient(zone.at(each.node).state.free_gpu_count(), request.shape.gpus);
            }
            return sum;
        };
        const bool noted = by_mix->receipt.rules.back() == "room_for_others";
        EXPECT_EQ(noted, by_mix->nodes != best_fit->nodes);
        EXPECT_EQ(by_mix->receipt.link, best_fit->receipt.link);
        if (request.nodes == 1) {
            EXPECT_LE(cost(*by_mix), cost(*best_fit));
            better += cost(*by_mix) < cost(*best_fit) ? 1 : 0;
        }
    }
    EXPECT_GT(better, 5);
}

}  // namespace
}  // namespace khu
