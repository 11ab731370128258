/// \file
/// Rules between the nodes of a gang, against trying every set of nodes: place() finds one exactly
/// if there is one, and what it finds keeps every rule. Also after nodes have moved.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>

#include "core/base/random.h"
#include "core/placement/candidates.h"
#include "tests/core/placement/machines.h"

namespace khu {
namespace {

using namespace machines;

NodeLocation some_place(Random& random) {
    NodeLocation location;
    if (random.chance(900)) {
        location.room = "room" + std::to_string(random.below(2));
    }
    if (random.chance(900)) {
        location.rack = "rack" + std::to_string(random.below(3));
    }
    if (random.chance(700)) {
        location.leaf_switch = "switch" + std::to_string(random.below(2));
    }
    if (random.chance(700)) {
        location.features.emplace_back("nvme");
    }
    return location;
}

Cluster some_zone(Random& random, int nodes) {
    Cluster zone = cluster(nodes, node_class(dgx()));
    for (int node = 1; node <= nodes; ++node) {
        zone.set_location(NodeId{static_cast<std::uint64_t>(node)}, some_place(random));
        if (random.chance(200)) {
            zone.set_health(NodeId{static_cast<std::uint64_t>(node)}, NodeHealth::Drained);
        }
    }
    return zone;
}

Text some_level(Random& random) {
    constexpr const char* levels[] = {"room", "rack", "switch"};
    return Text(levels[random.below(3)]);
}

GangRequest some_request(Random& random) {
    GangRequest request = gpus(8, static_cast<int>(random.between(1, 6)));
    if (random.chance(300)) {
        request.within = some_level(random);
    }
    NodeRules& rules = request.where.edit();
    if (random.chance(600)) {
        const int sizes[] = {1, 2, 3};
        rules.segment = sizes[random.below(3)];
        rules.segment_level = some_level(random);
        request.nodes = rules.segment * static_cast<int>(random.between(1, 3));
    }
    if (random.chance(300)) {
        rules.features.emplace_back("nvme");
    }
    if (random.chance(300)) {
        rules.exclude.emplace_back("n3");
    }
    if (random.chance(200)) {
        rules.include = {NodeName{"n1"}, NodeName{"n2"}, NodeName{"n3"},
                         NodeName{"n5"}, NodeName{"n6"}, NodeName{"n7"}};
    }
    return request;
}

/// How many of the set are in each subtree of that level.
std::map<SubtreeNumber, int> spread(const NodeList& nodes, ZoneLevel level) {
    std::map<SubtreeNumber, int> counts;
    for (const ClusterNode* node : nodes) {
        ++counts[node->subtrees[static_cast<int>(level)]];
    }
    return counts;
}

/// Nodes of one rack are in one room, also where nobody has said which.
bool in_one(const NodeList& nodes, ZoneLevel widest) {
    for (int level = static_cast<int>(widest); level < kZoneLevels; ++level) {
        const auto counts = spread(nodes, ZoneLevel{level});
        if (counts.size() == 1 && counts.begin()->first != 0) {
            return true;
        }
    }
    return false;
}

bool keeps_rules(const NodeList& nodes, const GangRequest& request) {
    const bool each = std::ranges::all_of(nodes, [&](const ClusterNode* node) {
        return node->health == NodeHealth::Up && meets(*node, *request.where);
    });
    if (!each) {
        return false;
    }
    const int segment = request.where->segment;
    const bool free = nodes.size() == 1 && segment == 0;  // One node is always in one place.
    if (!free && !in_one(nodes, *zone_level(request.within))) {
        return false;
    }
    return segment == 0 ||
           std::ranges::all_of(
               spread(nodes, *zone_level(request.where->segment_level)),
               [&](const auto& entry) { return entry.first != 0 && entry.second % segment == 0; });
}

bool any_set(const Cluster& zone, const GangRequest& request) {
    NodeList all;
    for (const auto& [id, node] : zone.nodes()) {
        all.push_back(&node);
    }
    for (std::uint32_t set = 1; set < 1U << all.size(); ++set) {
        if (std::popcount(set) != request.nodes) {
            continue;
        }
        NodeList chosen;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if ((set >> i & 1U) != 0) {
                chosen.push_back(all[i]);
            }
        }
        if (keeps_rules(chosen, request)) {
            return true;
        }
    }
    return false;
}

void expect_as_exhaustive(const Cluster& zone, const GangRequest& request, std::uint64_t seed) {
    const Expected<Placement, Misfit> placed = place(zone, request);

    EXPECT_EQ(placed.has_value(), any_set(zone, request)) << "seed " << seed;
    EXPECT_EQ(placed.has_value(), can_place(zone, request)) << "seed " << seed;
    if (placed) {
        NodeList nodes;
        for (const NodeAllocation& each : placed->nodes) {
            nodes.push_back(&zone.at(each.node));
        }
        EXPECT_TRUE(keeps_rules(nodes, request)) << "seed " << seed;
    }
}

TEST(GangRules, EqualTryingEverySetOfNodesAlsoAfterNodesHaveMoved) {
    int placed = 0;
    constexpr int kSeeds = 2'000;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        Random random(seed);
        Cluster zone = some_zone(random, 10);
        const GangRequest request = some_request(random);
        expect_as_exhaustive(zone, request, seed);
        for (int moved = 0; moved < 3; ++moved) {
            zone.set_location(NodeId{1 + random.below(10)}, some_place(random));
        }
        expect_as_exhaustive(zone, request, seed);
        placed += place(zone, request).has_value() ? 1 : 0;
    }
    EXPECT_GT(placed, kSeeds / 5) << "the property says little if almost nothing fits";
    EXPECT_LT(placed, kSeeds * 9 / 10) << "the same if almost everything does";
}

std::vector<int> nodes_per_rack(const Cluster& zone, const Placement& placed) {
    std::map<std::string, int> counts;
    for (const NodeAllocation& each : placed.nodes) {
        ++counts[zone.at(each.node).location.rack];
    }
    std::vector<int> sizes;
    for (const auto& [rack, count] : counts) {
        sizes.push_back(count);
    }
    std::ranges::sort(sizes);
    return sizes;
}

GangRequest segments_of_twelve() {
    GangRequest request = gpus(8, 36);
    request.where.edit() = {.segment = 12, .segment_level = Text("rack")};
    return request;
}

TEST(Segments, ThirtySixNodesInTwelvesAreTwelveInEachOfThreeRacks) {
    Cluster zone = cluster(54, node_class(dgx()), 18);  // three racks of 18: 17 + 17 + 2 would fit

    const Expected<Placement, Misfit> placed = place(zone, segments_of_twelve());

    ASSERT_TRUE(placed.has_value());
    EXPECT_EQ(nodes_per_rack(zone, *placed), (std::vector<int>{12, 12, 12}));
}

TEST(Segments, WaitRatherThanBreakAGroup) {
    Cluster zone = cluster(54, node_class(dgx()), 18);
    for (std::uint64_t node = 1; node <= 7; ++node) {
        zone.set_health(NodeId{node}, NodeHealth::Drained);  // 11 + 18 + 18 are left
    }

    EXPECT_FALSE(place(zone, segments_of_twelve()).has_value());
    EXPECT_EQ(fit_report(zone, segments_of_twelve()).fitting, 47);
}

TEST(Segments, RanksOfASegmentAreTogether) {
    Cluster zone = cluster(12, node_class(dgx()), 4);
    GangRequest request = gpus(8, 6);
    request.where.edit() = {.segment = 2, .segment_level = Text("rack")};

    const Expected<Placement, Misfit> placed = place(zone, request);

    ASSERT_TRUE(placed.has_value());
    for (std::size_t rank = 0; rank < 6; rank += 2) {
        EXPECT_EQ(zone.at(placed->nodes[rank].node).location.rack,
                  zone.at(placed->nodes[rank + 1].node).location.rack);
    }
    EXPECT_EQ(placed->receipt.rules.back(), "segment_2_rack");
}

}  // namespace
}  // namespace khu
