#include "config/grant_csv.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

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

TEST(GrantCsv, TakesAmountsAsTheyAreAskedForAndMomentsToo) {
    const auto read = read_grant_csv(
        header + "DN-1,0401000001,kn-80,10h,2026-04-01,2027-04-01,,\n" +
            "DN-2,0401000001,kn-80,36 ugs,2026-04-01T08:00:00+07:00,2027-04-01T00:00:00.250Z,,\n",
        vietnam);

    ASSERT_TRUE(read.has_value()) << khu::text(read.error(), Language::English);
    EXPECT_EQ(read->offers[0].amount, gpu_hours(10));
    EXPECT_EQ(read->offers[1].amount, Atoms{36});
    EXPECT_EQ(read->offers[1].from, read->offers[0].from + hours(8));
    EXPECT_EQ(read->offers[1].to, read->offers[0].to + hours(7) + milliseconds(250));
    EXPECT_EQ(
        refusal_of(header + "DN-1,0401000001,kn-80,10,2026-04-01,2027-04-01,,\n").substr(0, 14),
        "line 2: amount");
}

RC_GTEST_PROP(GrantCsvProperty, WhatIsWrittenReadsBackAsItWas, ()) {
    std::vector<GrantOffer> offers;
    const int count = *rc::gen::inRange(1, 20);
    for (int i = 0; i < count; ++i) {
        const Moment from{*rc::gen::inRange<std::int64_t>(1'700'000'000'000, 1'900'000'000'000)};
        const bool days_only = *rc::gen::arbitrary<bool>();
        const Moment begin = days_only ? Moment{1'774'976'400'000} + days(i) : from;
        GrantOffer offer{.id = GrantId{"G-" + std::to_string(i)},
                         .enterprise = EnterpriseId{"0401000001"},
                         .programme = ProgrammeId{"kn-80"},
                         .amount = Atoms{*rc::gen::inRange<std::int64_t>(1, 1'000'000'000'000'000)},
                         .from = begin,
                         .to = begin + days(1) + (days_only ? Span{0} : milliseconds(i)),
                         .decision_ref = *rc::gen::element<std::string>("88/QĐ, BQL", "\"a\" b",
                                                                        "two\nlines", "", "=1+1"),
                         .permit = *rc::gen::element<std::string>("", "GP-1"),
                         .voucher = *rc::gen::element<std::string>("", "VC-2026/17")};
        offers.push_back(std::move(offer));
    }

    const auto read = read_grant_csv(write_grant_csv(offers, vietnam), vietnam);

    RC_ASSERT(read.has_value());
    RC_ASSERT(read->offers == offers);
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
