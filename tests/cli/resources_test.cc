/// Counted resources: the list, one of them, and what is booked of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/fake_khud.h"
#include "tests/cli/program.h"

namespace khu::cli::test {
namespace {

using testing::HasSubstr;

Surroundings at(const FakeKhud& khud) {
    return {.env = {{"KHU_ENDPOINT", khud.endpoint()}}};
}

/// Two licences of which one is used, and a bench that somebody else has booked.
std::string answer(const FakeRequest&) {
    return http(
        200,
        R"({"resources":[{"resource":"eda","kind":"licence","count":2,"in_use":1,)"
        R"("in_use_own":1,"jobs_waiting":3,"first":9,"used":[{"job":7,"enterprise":"0401000001",)"
        R"("count":1,"until_at":"2026-03-01T10:00:00Z"}]},)"
        R"({"resource":"bench-rf","kind":"bench","count":3,"max_per_enterprise":1,)"
        R"("booked":[{"reservation":"-","enterprise":"-","count":1,)"
        R"("from_at":"2026-03-02T01:00:00Z","to_at":"2026-03-02T05:00:00Z"}]}]})");
}

TEST(Resources, TheListSaysWhatIsUsedAndForWhomItIsKept) {
    const FakeKhud khud(answer);

    const Ran ran = run_khu({"resources", "--utc"}, at(khud));

    EXPECT_EQ(ran.out,
              "RESOURCE  KIND     COUNT  IN USE  OURS  WAITING  NEXT BACK BY          KEPT FOR  "
              "EACH AT MOST\n"
              "eda       licence      2       1     1        3  2026-03-01T10:00:00Z         9\n"
              "bench-rf  bench        3       0              0                                 "
              "            1\n");
    EXPECT_EQ(khud.requests().at(0).target, "/v1/resources");
    EXPECT_THAT(run_khu({"resources", "--format", "json"}, at(khud)).out,
                HasSubstr(R"("jobs_waiting":3)"));
}

TEST(Resources, OneOfThemSaysWhoHasItUntilWhen) {
    const FakeKhud khud(answer);

    EXPECT_EQ(run_khu({"resources", "eda", "--utc"}, at(khud)).out,
              "RESOURCE  COUNT  JOB  RESERVATION  ENTERPRISE  FROM  UNTIL\n"
              "eda           1    7               0401000001        2026-03-01T10:00:00Z\n");
    EXPECT_EQ(run_khu({"resources", "bench-rf", "--utc"}, at(khud)).out,
              "RESOURCE  COUNT  JOB  RESERVATION  ENTERPRISE  FROM                  UNTIL\n"
              "bench-rf      1       -            -           2026-03-02T01:00:00Z  "
              "2026-03-02T05:00:00Z\n");

    const Ran unknown = run_khu({"resources", "ansys"}, at(khud));
    EXPECT_EQ(unknown.code, 2);
    EXPECT_THAT(unknown.err, HasSubstr("there is no resource ansys"));
}

TEST(Resources, AreBookedByThemselves) {
    const FakeKhud khud([](const FakeRequest&) { return http(200, R"({"reservations":[]})"); });

    const Ran ran = run_khu({"reservation", "book", "measuring", "-L", "bench-rf=2", "--from",
                             "2026-03-02T01:00:00Z", "--to", "2026-03-02T05:00:00Z"},
                            at(khud));

    EXPECT_EQ(ran.code, 0) << ran.err;
    ASSERT_EQ(khud.requests().size(), 1U);
    EXPECT_THAT(khud.requests()[0].body,
                HasSubstr(R"("resources":[{"resource":"bench-rf","count":2}])"));
    EXPECT_EQ(run_khu({"reservation", "book", "measuring", "-L", "bench-rf=0", "--from",
                       "2026-03-02T01:00:00Z", "--to", "2026-03-02T05:00:00Z"},
                      at(khud))
                  .code,
              2);
}

}  // namespace
}  // namespace khu::cli::test
