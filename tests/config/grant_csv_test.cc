#include "config/grant_csv.h"

#include <gtest/gtest.h>

namespace khu::config {
namespace {

constexpr int vietnam = 7 * 60;
const std::string header = "grant,enterprise,programme,amount,from,to,decision_ref,permit\n";
const std::string good = "DN-1,0401000001,kn-80,5000 GPUh,2026-04-01,2027-04-01,\"88/QĐ, BQL\",\n";

std::string refusal_of(const std::string& text) {
    const auto read = read_grant_csv(text, vietnam);
    return read ? "accepted" : khu::text(read.error(), Language::English);
}

TEST(GrantCsv, ReadsEveryColumnByItsName) {
    const auto read = read_grant_csv(
        "to,grant,enterprise,programme,amount,from\r\n"
        "2027-04-01,DN-1,0401000001-001,kn-80,5000 GPUh,2026-04-01\r\n",
        vietnam);

    ASSERT_TRUE(read.has_value()) << khu::text(read.error(), Language::English);
    ASSERT_EQ(read->offers.size(), 1U);
    EXPECT_EQ(read->offers[0].id.value, "DN-1");
    EXPECT_EQ(read->offers[0].enterprise.value, "0401000001-001");
    EXPECT_EQ(read->offers[0].amount, gpu_hours(5000));
    EXPECT_EQ(read->offers[0].from, Moment{1'774'976'400'000});  // midnight in Da Nang
    EXPECT_TRUE(read->offers[0].decision_ref.empty());
}

TEST(GrantCsv, ReadsQuotedCellsAndKnowsTheirLines) {
    const auto read = read_grant_csv(
        header + good + "DN-2,0401000001,kn-80,1 GPUh,2026-04-01,2027-04-01,\"a\n\"\"b\"\"\",\n" +
            "DN-3,0401000001,kn-80,1 GPUh,2026-04-01,2027-04-01,,\n",
        vietnam);

    ASSERT_TRUE(read.has_value()) << khu::text(read.error(), Language::English);
    EXPECT_EQ(read->offers[0].decision_ref, "88/QĐ, BQL");
    EXPECT_EQ(read->offers[1].decision_ref, "a\n\"b\"");
    EXPECT_EQ(read->lines, (std::vector<std::int64_t>{2, 3, 5}));
}

TEST(GrantCsv, OneBadRowRefusesTheFileWithItsLine) {
    EXPECT_EQ(refusal_of(header + good + "DN-2,401000001,kn-80,1 GPUh,2026-04-01,2027-04-01,,\n")
                  .substr(0, 18),
              "line 3: enterprise");
    EXPECT_EQ(refusal_of(header + good + good),
              "line 3: grant DN-1 is there twice; nothing was imported");
    EXPECT_EQ(refusal_of(header + "DN-1,0401000001\n"),
              "line 2: 2 cells, the header has 8; nothing was imported");
    EXPECT_EQ(refusal_of("grant,enterprise,programme,amount,from\n"),
              "line 1: column 'to' is missing; nothing was imported");
    EXPECT_EQ(refusal_of("grant,grant\n"),
              "line 1: column 'grant' is unknown or there twice; nothing was imported");
    EXPECT_EQ(refusal_of(header), "line 1: the file has no grants; nothing was imported");
    EXPECT_EQ(refusal_of(header + "\"DN-1,0401000001\n").substr(0, 15), "line 2: a quote");
}

}  // namespace
}  // namespace khu::config
