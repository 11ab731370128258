#include "core/schedule/fair_tree.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "core/base/random.h"

namespace khu {
namespace {

const ProgrammeId kFree{"san-choi"};
const ProgrammeId kPaid{"tra-phi"};
const Moment kNow{1'800'000'000'000};

EnterpriseId enterprise(int number) {
    return EnterpriseId{"04010000" + std::to_string(10 + number)};
}

FadingUse used(std::int64_t gpu_hour) {
    return {.amount = gpu_hours(gpu_hour), .day = day_of(kNow)};
}

TEST(Decay, HalvesAfterEachHalfLife) {
    const Decay decay(days(14));

    EXPECT_EQ(decay.weight(0), std::uint64_t{1} << 32);
    EXPECT_EQ(decay.weight(28), std::uint64_t{1} << 30);
    EXPECT_EQ(decay.weight(14 * 40), 0U);
    // floor(2^32 * 2^(-1/14)), floor(2^32 * 2^(-7/14)), worked out with 50 digits.
    EXPECT_EQ(decay.weight(1), 4087499557U);
    EXPECT_EQ(decay.weight(7), 3037000499U);
}

TEST(Decay, CountsUseOfAnEarlierDayAsToday) {
    const Decay decay(days(1));
    FadingUse use{.amount = gpu_hours(8), .day = 100};

    decay.add(use, gpu_hours(1), 102);

    EXPECT_EQ(use.amount, gpu_hours(3));
    decay.add(use, gpu_hours(1), 99);  // a clock that was set back
    EXPECT_EQ(use, (FadingUse{gpu_hours(4), 102}));
}

class Tree : public testing::Test {
protected:
    Tree() { tree.configure(days(14), hours(64), {{kFree, 1}, {kPaid, 3}}); }
    LeafNumber leaf(const ProgrammeId& programme, int number, std::int64_t gpu_hour) {
        const LeafNumber made = tree.leaf(programme, enterprise(number));
        tree.set_use(made, used(gpu_hour));
        return made;
    }
    FairTree tree;
};

TEST_F(Tree, RanksProgrammesByUsePerShareThenEnterprises) {
    const LeafNumber little = leaf(kPaid, 1, 20);
    const LeafNumber much = leaf(kPaid, 2, 30);  // the programme: 50 hours for 3 shares
    const LeafNumber free = leaf(kFree, 3, 17);  // 17 hours for one: more than 16.67

    tree.refresh(kNow);

    EXPECT_EQ(tree.fairness(little).rank, 0);
    EXPECT_EQ(tree.fairness(much).rank, 1);
    EXPECT_EQ(tree.fairness(free).rank, 2);
    EXPECT_EQ(tree.delay(little).share, Span{0});
    EXPECT_EQ(tree.delay(much).share, hours(32));
    EXPECT_EQ(tree.delay(free).share, hours(64));
}

TEST_F(Tree, GivesEqualUseTheSameRank) {
    const LeafNumber one = leaf(kPaid, 1, 5);
    const LeafNumber two = leaf(kPaid, 2, 5);
    leaf(kPaid, 3, 6);

    tree.refresh(kNow);

    EXPECT_EQ(tree.fairness(one).rank, tree.fairness(two).rank);
}

TEST_F(Tree, CountsWhatRunningAttemptsMayUseAtOnce) {
    const LeafNumber one = leaf(kPaid, 1, 5);
    const LeafNumber two = leaf(kPaid, 2, 6);
    tree.refresh(kNow);
    EXPECT_EQ(tree.delay(one).share, Span{0});

    tree.hold(one, gpu_hours(8));
    tree.refresh(kNow);

    EXPECT_EQ(tree.delay(one).share, hours(64));
    EXPECT_EQ(tree.delay(two).share, Span{0});
    tree.unhold(one, gpu_hours(8));
    tree.refresh(kNow);
    EXPECT_EQ(tree.delay(one).share, Span{0});
}

TEST_F(Tree, SaysOnlyWhoseShiftChanged) {
    const LeafNumber one = leaf(kPaid, 1, 5);
    leaf(kPaid, 2, 60);
    tree.refresh(kNow);

    tree.set_use(one, used(6));

    EXPECT_TRUE(tree.refresh(kNow).empty());
    EXPECT_TRUE(tree.refresh(kNow).empty());
}

/// The sort that the tree keeps up to date, done anew: fewer strictly better leaves first.
int rank_by_counting(const std::map<LeafNumber, std::pair<ProgrammeId, std::int64_t>>& leaves,
                     LeafNumber own) {
    std::map<ProgrammeId, std::int64_t> sums;
    for (const auto& [number, leaf] : leaves) {
        sums[leaf.first] += leaf.second;
    }
    const std::map<ProgrammeId, std::int64_t> shares{{kFree, 1}, {kPaid, 3}};
    int rank = 0;
    const auto& mine = leaves.at(own);
    for (const auto& [number, leaf] : leaves) {
        const bool better_programme = sums.at(leaf.first) * shares.at(mine.first) <
                                      sums.at(mine.first) * shares.at(leaf.first);
        const bool beside = leaf.first == mine.first && leaf.second < mine.second;
        rank += better_programme || beside ? 1 : 0;
    }
    return rank;
}

TEST_F(Tree, RanksAsCountingDoesAndUsingMoreNeverImprovesARank) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        FairTree fair;
        fair.configure(days(14), hours(64), {{kFree, 1}, {kPaid, 3}});
        std::map<LeafNumber, std::pair<ProgrammeId, std::int64_t>> leaves;
        for (int step = 0; step < 60; ++step) {
            const ProgrammeId& programme = random.chance(500) ? kFree : kPaid;
            const LeafNumber leaf =
                fair.leaf(programme, enterprise(static_cast<int>(random.below(8))));
            const int before = leaves.contains(leaf) ? fair.fairness(leaf).rank : 0;
            const auto more = static_cast<std::int64_t>(random.below(5));
            auto& known = leaves.try_emplace(leaf, programme, 0).first->second;
            known.second += more;
            fair.set_use(leaf, used(known.second));
            fair.refresh(kNow);

            ASSERT_GE(fair.fairness(leaf).rank, before);
            for (const auto& [number, unused] : leaves) {
                ASSERT_EQ(fair.fairness(number).rank, rank_by_counting(leaves, number));
            }
        }
    }
}

}  // namespace
}  // namespace khu
