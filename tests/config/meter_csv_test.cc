#include "config/meter_csv.h"

#include <gtest/gtest.h>

namespace khu::config {
namespace {

const std::string header = "row,meter,enterprise,quantity,from,to\n";

std::string refusal_of(const std::string& text) {
    const auto read = read_meter_csv(text, 420);
    return read ? "accepted" : khu::text(read.error(), Language::English);
}

TEST(MeterCsv, ReadsEveryColumnByItsName) {
    const auto read = read_meter_csv(
        "to,from,quantity,enterprise,meter,row\r\n"
        "2026-03-08,2026-03-07,12.5,0401000001,vcpu,07.17\r\n"
        "2026-03-08T01:00:00+07:00,2026-03-08,0.000001,0401000001,vcpu,08.1\n",
        420);

    ASSERT_TRUE(read.has_value()) << khu::text(read.error(), Language::English);
    ASSERT_EQ(read->readings.size(), 2U);
    EXPECT_EQ(read->readings[0].row, "07.17");
    EXPECT_EQ(read->readings[0].quantity_micro, 12'500'000);
    EXPECT_EQ(read->readings[0].to - read->readings[0].from, days(1));
    EXPECT_EQ(read->readings[1].quantity_micro, 1);
    EXPECT_EQ(read->readings[1].to - read->readings[1].from, hours(1));
    EXPECT_EQ(read->lines, (std::vector<std::int64_t>{2, 3}));
}

TEST(MeterCsv, ARowThatCorrectsAnotherMayTakeSomethingBack) {
    const std::string with = "row,meter,enterprise,quantity,from,to,corrects,reason,decision_ref\n";
    const std::string rest =
        ",2026-03-07,2026-03-08,2026-03/vcpu/07.17,\"ran twice, it seems\",7/BB\n";
    const auto read = read_meter_csv(with + "c1,vcpu,0401000001,-2.5" + rest, 420);

    ASSERT_TRUE(read.has_value()) << khu::text(read.error(), Language::English);
    EXPECT_EQ(read->readings[0].quantity_micro, -2'500'000);
    EXPECT_EQ(read->readings[0].corrects, "2026-03/vcpu/07.17");
    EXPECT_EQ(read->readings[0].reason, "ran twice, it seems");
    EXPECT_EQ(read->readings[0].decision_ref, "7/BB");
    for (const char* quantity : {"0", "-0", "--1", "-", "-1e3"}) {
        EXPECT_EQ(refusal_of(with + "c1,vcpu,0401000001," + quantity + rest).substr(0, 16),
                  "line 2: quantity")
            << quantity;
    }
    EXPECT_EQ(refusal_of(with + "c1,vcpu,0401000001,-1,2026-03-07,2026-03-08,,,\n").substr(0, 16),
              "line 2: quantity");
}

TEST(MeterCsv, OneBadRowRefusesTheFileWithItsLine) {
    const std::string good = "a,vcpu,0401000001,1,2026-03-07,2026-03-08\n";
    for (const char* quantity :
         {"0", "-1", "1e3", "1,5", "1.0000001", ".5", "1.", "", "01", "99999999999999999999"}) {
        EXPECT_EQ(refusal_of(header + good + "b,vcpu,0401000001,\"" + quantity +
                             "\",2026-03-07,2026-03-08\n")
                      .substr(0, 16),
                  "line 3: quantity")
            << quantity;
    }
    EXPECT_EQ(refusal_of(header + "a|b,vcpu,0401000001,1,2026-03-07,2026-03-08\n").substr(0, 11),
              "line 2: row");
    EXPECT_EQ(refusal_of("row,meter\n"),
              "line 1: column 'enterprise' is missing; nothing was imported");
    EXPECT_EQ(refusal_of(header), "line 1: the file has no rows; nothing was imported");
    EXPECT_EQ(refusal_of(header + "a,b\n"),
              "line 2: 2 cells, the header has 6; nothing was imported");
}

}  // namespace
}  // namespace khu::config
