#include "core/placement/gang.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "core/base/random.h"
#include "tests/core/placement/machines.h"

namespace khu {
namespace {

using namespace machines;

std::vector<std::uint64_t> nodes_of(const Placement& placement) {
    std::vector<std::uint64_t> ids;
    for (const NodeAllocation& allocation : placement.nodes) {
        ids.push_back(allocation.node.value);
    }
    return ids;
}

Placement must_place(Cluster& cluster, const GangRequest& request) {
    const Expected<Placement, Misfit> placed = place(cluster, request);
    KHU_CHECK(placed.has_value());
    take(cluster, request.enterprise, *placed);
    return *placed;
}

TEST(Gang, PacksFourHundredSingleGpuJobsOnFiftyOf992Nodes) {
    Cluster zone = cluster(992, node_class(dgx()), 8);
    std::set<std::uint64_t> touched;

    for (int job = 0; job < 400; ++job) {
        touched.insert(must_place(zone, gpus(1)).nodes[0].node.value);
    }

    EXPECT_EQ(touched.size(), 50U);
    const Expected<Placement, Misfit> rest = place(zone, gpus(8, 942));
    EXPECT_TRUE(rest.has_value());
    EXPECT_FALSE(place(zone, gpus(8, 943)).has_value());
}

TEST(Gang, StartsWholeOrNotAtAll) {
    Cluster zone = cluster(4, node_class(dgx()));
    must_place(zone, gpus(8));

    const Expected<Placement, Misfit> placed = place(zone, gpus(8, 4));

    ASSERT_FALSE(placed.has_value());
    EXPECT_EQ(placed.error(), (Misfit{.needed = 4, .fitting = 3}));
}

TEST(Gang, SharesANodeAmongEnterprisesOnlyWhereThePolicySaysSo) {
    Cluster zone = cluster(1, node_class(dgx()));
    GangRequest theirs = gpus(1);
    theirs.enterprise = kHanRiver;
    must_place(zone, gpus(1));
    EXPECT_FALSE(place(zone, theirs).has_value());

    PartitionNodes shared = *zone.partition(kPartition);
    shared.shared = true;
    zone.set_partitions({shared});
    EXPECT_FALSE(place(zone, theirs).has_value()) << "what came before keeps the node";
    must_place(zone, gpus(1));

    Cluster fresh = cluster(1, node_class(dgx()));
    fresh.set_partitions({shared});
    must_place(fresh, gpus(1));
    EXPECT_EQ(must_place(fresh, theirs).receipt.rules.back(), "no_stranded_gpu");
}

TEST(Gang, GoesIntoTheTightestRackThatHoldsIt) {
    Cluster zone = cluster(12, node_class(dgx()), 4);
    zone.set_health(NodeId{5}, NodeHealth::Drained);  // rack r1 has three nodes left

    const Placement placed = must_place(zone, gpus(8, 3));

    EXPECT_EQ(nodes_of(placed), (std::vector<std::uint64_t>{6, 7, 8}));
    EXPECT_EQ(placed.receipt.span, "rack");
    EXPECT_EQ(placed.receipt.score, placed.receipt.best_score);
}

TEST(Gang, TheBestScoreIsThatOfTheNodesAsTheyStandNow) {
    Cluster zone = cluster(2, node_class(dgx()), 1);  // each in a rack of its own
    const auto best = [&] { return place(zone, gpus(8, 2)).value().receipt.best_score; };
    const std::int64_t apart = best();
    zone.set_location(NodeId{2}, zone.at(NodeId{1}).location);
    const std::int64_t together = best();
    const auto without_links = node_class({.link = LinkKind::SystemBus});
    zone.set_class(NodeId{1}, without_links);
    zone.set_class(NodeId{2}, without_links);

    EXPECT_LT(together, apart);
    EXPECT_GT(best(), together);
}

TEST(Gang, SpreadsOverFewRacksWhereNoneHoldsIt) {
    Cluster zone = cluster(12, node_class(dgx()), 4);

    const Placement placed = must_place(zone, gpus(8, 6));

    std::set<std::string> racks;
    for (const NodeAllocation& allocation : placed.nodes) {
        racks.insert(zone.at(allocation.node).location.rack);
    }
    EXPECT_EQ(racks.size(), 2U);
    EXPECT_EQ(placed.receipt.span, "room");
}

TEST(Gang, WithinIsHard) {
    Cluster zone = cluster(12, node_class(dgx()), 4);
    GangRequest request = gpus(8, 5);
    request.within = "rack";

    EXPECT_FALSE(place(zone, request).has_value());
    request.nodes = 4;
    const Expected<Placement, Misfit> placed = place(zone, request);
    ASSERT_TRUE(placed.has_value());
    EXPECT_EQ(placed->receipt.rules.back(), "within_rack");
}

TEST(Gang, ARuleThatCannotBeEvaluatedBlocksTheStart) {
    Cluster zone = cluster(4, node_class(dgx()));  // nobody knows their racks
    GangRequest request = gpus(8, 2);
    request.within = "rack";

    EXPECT_FALSE(place(zone, request).has_value());
}

TEST(Gang, AvoidsTheSuspectNodeIfAnotherFits) {
    Cluster zone = cluster(2, node_class(dgx()));
    GangRequest request = gpus(8);
    request.suspect = NodeId{1};

    EXPECT_EQ(must_place(zone, request).nodes[0].node, NodeId{2});
    EXPECT_EQ(must_place(zone, request).nodes[0].node, NodeId{1});
}

TEST(Gang, KeepsEnterprisesApartOnGpuNodes) {
    Cluster zone = cluster(2, node_class(dgx()));
    GangRequest theirs = gpus(1);
    theirs.enterprise = kHanRiver;

    EXPECT_EQ(must_place(zone, gpus(1)).nodes[0].node, NodeId{1});
    EXPECT_EQ(must_place(zone, theirs).nodes[0].node, NodeId{2});
    EXPECT_EQ(must_place(zone, gpus(1)).nodes[0].node, NodeId{1});
}

TEST(Gang, SharesNodesWithoutGpusBetweenEnterprises) {
    Cluster zone = cluster(2, node_class(cpu_node(32)));
    GangRequest request = gpus(0);
    request.shape.cores = 4;
    GangRequest theirs = request;
    theirs.enterprise = kHanRiver;

    EXPECT_EQ(must_place(zone, request).nodes[0].node, NodeId{1});
    EXPECT_EQ(must_place(zone, theirs).nodes[0].node, NodeId{1});
}

TEST(Gang, AnExclusiveJobHasTheNodeAlone) {
    Cluster zone = cluster(1, node_class(dgx()));
    GangRequest request = gpus(1);
    request.shape.exclusive = true;

    const Placement placed = must_place(zone, request);

    EXPECT_EQ(placed.nodes[0].gpus.size(), 8U);
    EXPECT_EQ(placed.nodes[0].cores.size(), 112U);
    EXPECT_FALSE(place(zone, gpus(1)).has_value());
}

TEST(Gang, PrefersANodeWithAGoodLinkAmongThoseInUse) {
    Cluster zone = cluster(2, node_class(t4_server()), 0, {.cores = 5, .memory = gibibytes(40)});
    // Node 1 keeps one GPU on each side, node 2 keeps two on one side and one on the other.
    zone.take(kSaoMai, {.node = NodeId{1}, .gpus = {0, 1, 2, 4, 5, 6}, .cores = {0}, .memory = {}});
    zone.take(kSaoMai, {.node = NodeId{2}, .gpus = {0, 1, 2, 4, 5}, .cores = {0}, .memory = {}});

    const Placement placed = must_place(zone, gpus(2));

    EXPECT_EQ(placed.nodes[0].node, NodeId{2});
    EXPECT_EQ(placed.nodes[0].gpus, (std::vector<int>{6, 7}));
    EXPECT_EQ(placed.receipt.link, "same_numa");
}

TEST(GangEver, SaysWhichResourceBinds) {
    const Cluster zone = cluster(4, node_class(dgx()));

    const Expected<Done, Refusal> gpus_asked = could_ever_fit(zone, gpus(9));
    ASSERT_FALSE(gpus_asked.has_value());
    EXPECT_EQ(
        text(gpus_asked.error(), Language::English),
        "no node with 9 GPUs in partition gpu: gpus asked per node 9, the largest node has 8");

    GangRequest cores = gpus(1);
    cores.shape.cores = 100;  // would strand seven GPUs that need twelve each
    const Expected<Done, Refusal> cores_asked = could_ever_fit(zone, cores);
    ASSERT_FALSE(cores_asked.has_value());
    EXPECT_EQ(
        text(cores_asked.error(), Language::English),
        "no node with 1 GPUs in partition gpu: cores asked per node 100, the largest node has "
        "28");
    EXPECT_TRUE(could_ever_fit(zone, gpus(8, 4)).has_value());
}

TEST(GangEver, CountsNodesAndThoseThatMayStillJoin) {
    Cluster zone = cluster(4, node_class(dgx()), 2);
    EXPECT_EQ(could_ever_fit(zone, gpus(1, 5)).error().code, Code::TooFewNodes);
    GangRequest request = gpus(1, 3);
    request.within = "rack";
    EXPECT_EQ(could_ever_fit(zone, request).error().code, Code::TooFewNodes);
    request.within = "rak";
    EXPECT_EQ(could_ever_fit(zone, request).error().code, Code::UnknownName);

    PartitionNodes larger = *zone.partition(kPartition);
    larger.nodes.emplace_back("n9");
    zone.set_partitions({larger});
    EXPECT_TRUE(could_ever_fit(zone, gpus(1, 5)).has_value());
}

/// What could_ever_fit says of a request, and of the same with a rule that excludes nobody, for
/// which nodes are looked at one by one.
void expect_the_same(const Cluster& zone, const GangRequest& request) {
    GangRequest ruled = request;
    ruled.where.edit().exclude = {NodeName{"nobody"}};
    const auto counted = could_ever_fit(zone, request);
    const auto walked = could_ever_fit(zone, ruled);
    ASSERT_EQ(counted.has_value(), walked.has_value());
    if (!counted) {
        EXPECT_EQ(text(counted.error(), Language::English),
                  text(walked.error(), Language::English));
    }
}

TEST(GangEver, CountingByHardwareIsCountingNodeByNode) {
    Random random(11);
    const std::array types{node_class(dgx()), node_class(t4_server()), node_class(cpu_node(16))};
    for (int zones = 0; zones < 50; ++zones) {
        Cluster zone = cluster(6, types[random.below(3)]);
        PartitionNodes partition = *zone.partition(kPartition);
        for (int change = 0; change < 40; ++change) {
            const NodeId node{1 + random.below(8)};
            const auto& type = types[random.below(3)];
            if (zone.find(node) == nullptr) {
                zone.add(node, NodeName{"n" + std::to_string(node.value)}, type, {},
                         NodeHealth::Up);
            } else {
                random.chance(500) ? zone.remove(node) : zone.set_class(node, type);
            }
            if (random.chance(100)) {
                partition.nodes.clear();
                for (int listed = 1; listed <= 8; ++listed) {
                    if (random.chance(600)) {
                        partition.nodes.emplace_back("n" + std::to_string(listed));
                    }
                }
                zone.set_partitions({partition});
            }
            expect_the_same(zone, gpus(static_cast<int>(1 + random.below(8)),
                                       static_cast<int>(1 + random.below(8))));
        }
    }
}

}  // namespace
}  // namespace khu
