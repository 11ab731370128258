#include "core/base/nearest.h"

#include <gtest/gtest.h>

#include <array>

namespace khu {
namespace {

using namespace std::string_view_literals;

TEST(Nearest, CountsASwapOfNeighboursAsOneEdit) {
    EXPECT_EQ(edit_distance("gpus", "gpsu"), 1);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
    EXPECT_EQ(edit_distance("", "abc"), 3);
    EXPECT_EQ(edit_distance("same", "same"), 0);
}

TEST(Nearest, NamesTheNearestKnownWordOrNone) {
    constexpr std::array known{"gpus"sv, "nodes"sv, "time_limit"sv};

    EXPECT_EQ(nearest("gpu", known), "gpus"sv);
    EXPECT_EQ(nearest("timelimit", known), "time_limit"sv);
    EXPECT_EQ(nearest("colour", known), std::nullopt);
}

}  // namespace
}  // namespace khu
