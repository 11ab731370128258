#include "wire/timestamp.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "wire/api.h"
#include "wire/json.h"

namespace khu::wire {
namespace {

constexpr Moment kMorning{1'772'413'200'000};

std::string complaint_about(const std::string& value) {
    const auto read = from_json_text<GrantChange>(R"({"to_at":)" + value + "}", Unknown::Refuse);
    return read ? "" : text(read.error());
}

TEST(Timestamp, IsWrittenInUtcWithMillisecondsOnlyWhereThereAreAny) {
    EXPECT_EQ(to_json_text(Timestamp{kMorning}), R"("2026-03-02T01:00:00Z")");
    EXPECT_EQ(to_json_text(Timestamp{kMorning + milliseconds(7)}), R"("2026-03-02T01:00:00.007Z")");
    EXPECT_EQ(to_json_text(Timestamp{}), "null");
}

TEST(Timestamp, IsReadInOneSpellingOnly) {
    EXPECT_EQ(parse_timestamp("2026-03-02T01:00:00Z"), kMorning);
    EXPECT_EQ(parse_timestamp("2024-02-29T23:59:59.999Z"), Moment{1'709'251'199'999});
    for (const char* other :
         {"", "1772413200000", "2026-03-02", "2026-03-02 01:00:00Z", "2026-03-02t01:00:00z",
          "2026-03-02T01:00:00", "2026-03-02T01:00:00+00:00", "2026-02-30T01:00:00Z",
          "2025-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
          "2026-03-02T24:00:00Z", "2026-03-02T01:60:00Z", "2026-03-02T01:00:60Z",
          "2026-03-02T01:00:00.1Z", "2026-03-02T01:00:00.Z", "2026-03-02T01:00:00Z ",
          "+026-03-02T01:00:00Z", "1969-12-31T23:59:59Z"}) {
        EXPECT_EQ(parse_timestamp(other), std::nullopt) << other;
    }
}

TEST(Timestamp, ReadsBackWhatItWrites) {
    EXPECT_TRUE(rc::check([] {
        const Moment at{*rc::gen::inRange<std::int64_t>(1, kNever.value)};

        RC_ASSERT(parse_timestamp(format_timestamp(at)) == at);
    }));
}

TEST(Timestamp, OfTheApiRefusesIntegersAndSaysWhatItWants) {
    EXPECT_EQ(complaint_about(R"("2026-03-02T01:00:00Z")"), "");
    EXPECT_EQ(complaint_about("null"), "");
    EXPECT_EQ(complaint_about("1772413200000"), "to_at: must be a string");
    EXPECT_EQ(complaint_about(R"("tomorrow")"),
              R"(to_at: must be a time in UTC such as "2026-03-02T01:00:00Z")");
}

TEST(Timestamp, IsNotWhatFactsAndMessagesHold) {
    EXPECT_EQ(to_json_text(kMorning), "1772413200000");
}

}  // namespace
}  // namespace khu::wire
