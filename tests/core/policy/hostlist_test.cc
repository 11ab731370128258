#include "core/policy/hostlist.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

namespace khu {
namespace {

std::vector<std::string> names(std::string_view text) {
    std::vector<std::string> out;
    const auto expanded = expand_hostlist(text);
    if (!expanded) {
        ADD_FAILURE() << expanded.error().why_en << " at " << expanded.error().offset;
        return out;
    }
    for (const NodeName& node : *expanded) {
        out.push_back(node.value);
    }
    return out;
}

BadHostlist refusal(std::string_view text) {
    const auto expanded = expand_hostlist(text);
    EXPECT_FALSE(expanded.has_value()) << text;
    return expanded ? BadHostlist{} : expanded.error();
}

TEST(Hostlist, ExpandsRangesInTheOrderWritten) {
    EXPECT_EQ(names("gn[08-10],x[1,3-5]-ib,login"),
              (std::vector<std::string>{"gn08", "gn09", "gn10", "x1-ib", "x3-ib", "x4-ib", "x5-ib",
                                        "login"}));
    EXPECT_EQ(names("n[9-11]"), (std::vector<std::string>{"n9", "n10", "n11"}));
}

TEST(Hostlist, RefusesABombBeforeMakingIt) {
    EXPECT_EQ(refusal("n[1-999999999]").why_en, "more than 10000 nodes");
    EXPECT_EQ(refusal("n[1-9999999999]").why_en, "more than 10000 nodes");
    EXPECT_EQ(refusal("a[1-10000],b").why_en, "more than 10000 nodes");
    EXPECT_EQ(names("a[1-10000]").size(), 10'000U);
}

TEST(Hostlist, NamesWhatIsWrongAndWhere) {
    EXPECT_EQ(refusal("gn[16-01]").why_en, "range 16-1 runs backwards");
    EXPECT_EQ(refusal("gn[01-100]").why_en,
              "both ends of a range with leading zeros need the same width");
    EXPECT_EQ(refusal("gn[01-02").why_en, "'[' is not closed");
    EXPECT_EQ(refusal("gn[]").why_en, "a number is expected");
    EXPECT_EQ(refusal("").why_en, "a node name is expected");
    EXPECT_EQ(refusal("a,,b").offset, 2U);
    EXPECT_EQ(refusal("a,b a").offset, 3U);
    EXPECT_EQ(refusal("gn[1-3],gn2").why_en, "node gn2 is named twice");
    EXPECT_EQ(refusal("-x").why_en, "'-x' is not a node name");
    EXPECT_EQ(refusal("a[1][2]").offset, 4U);
}

TEST(Hostlist, CompressesToTheShortForm) {
    const auto round = [](std::string_view text) {
        return compress_hostlist(*expand_hostlist(text));
    };
    EXPECT_EQ(round("gn01,gn02,gn03,gn05"), "gn[01-03,05]");
    EXPECT_EQ(round("hn-01"), "hn-01");
    EXPECT_EQ(round("n8,n9,n10,login,n11"), "n[8-10],login,n11");
    EXPECT_EQ(round("n09,n10"), "n[09-10]");
    EXPECT_EQ(compress_hostlist({}), "");
}

TEST(Hostlist, ExpandingWhatWasCompressedGivesTheSameNodes) {
    EXPECT_TRUE(rc::check([] {
        const auto picks = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 240));
        std::vector<NodeName> nodes;
        std::set<std::string> seen;
        for (const int pick : picks) {
            const int n = pick % 120;
            std::string name = pick < 120 ? fmt::format("gn{:02}", n) : fmt::format("x{}-ib", n);
            name = n == 0 ? "login" : name;
            if (seen.insert(name).second) {
                nodes.emplace_back(name);
            }
        }
        if (nodes.empty()) {
            return;
        }
        const auto again = expand_hostlist(compress_hostlist(nodes));
        RC_ASSERT(again.has_value());
        RC_ASSERT(again.value() == nodes);
    }));
}

}  // namespace
}  // namespace khu
