#include "plugins/hostlist.h"

#include <gtest/gtest.h>

namespace khu::plugins {
namespace {

TEST(Hostlist, JoinsNeighboursOfOneStemAndWidth) {
    EXPECT_EQ(compress_hostlist({"gn01", "gn02", "gn03", "gn07", "login"}), "gn[01-03,07],login");
}

TEST(Hostlist, KeepsTheOrderBecauseTheFirstNodeIsTheHead) {
    EXPECT_EQ(compress_hostlist({"gn03", "gn01", "gn02"}), "gn[03,01-02]");
}

TEST(Hostlist, DoesNotJoinNamesOfAnotherWidth) {
    EXPECT_EQ(compress_hostlist({"gn9", "gn10", "gn011"}), "gn9,gn10,gn011");
}

TEST(Hostlist, LeavesNamesWithoutANumberAndVeryLongNumbersAlone) {
    EXPECT_EQ(compress_hostlist({"a", "b", "x12345678901"}), "a,b,x12345678901");
    EXPECT_EQ(compress_hostlist({}), "");
    EXPECT_EQ(compress_hostlist({"gn05"}), "gn05");
}

TEST(Ranges, AreTheListFormatOfCpusets) {
    EXPECT_EQ(format_ranges({0, 1, 2, 3, 8, 10, 11}), "0-3,8,10-11");
    EXPECT_EQ(format_ranges({}), "");
}

}  // namespace
}  // namespace khu::plugins
