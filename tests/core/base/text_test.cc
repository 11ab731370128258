#include "core/base/text.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "core/base/boxed.h"

namespace khu {
namespace {

TEST(Text, CopiesShareOnePieceOfMemory) {
    const Text first(std::string(100, 'a'));

    const Text copy = first;

    EXPECT_EQ(&copy.str(), &first.str());
    EXPECT_FALSE(first.sole());
}

TEST(Text, EqualTextsAreEqualWhereverTheyLie) {
    const Text one("enterprise");
    const Text other("enterprise");

    EXPECT_NE(&one.str(), &other.str());
    EXPECT_EQ(one, other);
    EXPECT_LT(one, Text("user"));
    EXPECT_EQ(Text(""), Text());
}

TEST(Text, IsDroppedWithItsLastHolderOnWhateverThread) {
    const Text kept("kept");

    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([kept] {
            for (int copies = 0; copies < 10'000; ++copies) {
                const Text copy = kept;
                EXPECT_EQ(copy.size(), 4U);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    threads.clear();

    EXPECT_TRUE(kept.sole());
}

TEST(TextPool, MakesEqualTextsOne) {
    TextPool pool;
    Text first("gpu-h100");
    Text second("gpu-h100");

    pool.share(first);
    pool.share(second);

    EXPECT_EQ(&first.str(), &second.str());
    EXPECT_EQ(pool.size(), 1U);
}

TEST(TextPool, ForgetsWhatNobodyHolds) {
    TextPool pool;

    for (int i = 0; i < 10'000; ++i) {
        Text passing("name-" + std::to_string(i));
        pool.share(passing);
    }

    EXPECT_LT(pool.size(), 2'000U);
}

TEST(Boxed, CopiesAreCopiesAndNothingEqualsAnEmptyOne) {
    Boxed<std::vector<int>> filled(std::vector<int>{1, 2});

    Boxed<std::vector<int>> copy = filled;
    copy.edit().push_back(3);

    EXPECT_EQ(filled->size(), 2U);
    EXPECT_EQ(copy->size(), 3U);
    EXPECT_EQ(Boxed<std::vector<int>>(), Boxed<std::vector<int>>(std::vector<int>{}));
    EXPECT_FALSE(Boxed<std::vector<int>>().filled());
}

}  // namespace
}  // namespace khu
