#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/cli/fake_khud.h"
#include "tests/cli/program.h"

namespace khu::cli::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kQueue =
    R"({"jobs":[{"job":7,"spec":{"name":"train","enterprise":"0401000001","user":"u-1",)"
    R"("partition":"gpu-h100","nodes":2,"gpus_per_node":8,"time_limit_s":7200},)"
    R"("phase":"running","submitted_at":"2026-03-02T01:00:00Z","taken_at":"2026-03-02T01:00:00Z",)"
    R"("ended_at":"2026-03-02T02:00:00Z","nodes":[{"node":"gn01"},{"node":"gn02"}]},)"
    R"({"job":8,"spec":{"name":"eval"},"phase":"queued",)"
    R"("reason":{"code":"A120","name":"resources_busy"}}],"next":"","total":2,"new_key":1})";

Surroundings at(const FakeKhud& khud) {
    return {.env = {{"KHU_ENDPOINT", khud.endpoint()}}};
}

TEST(Program, NobodyThereIsExitCode3) {
    const Ran ran = run_khu({"queue"}, {.env = {{"KHU_ENDPOINT", "unix:/nonexistent/khud.sock"}}});

    EXPECT_EQ(ran.code, 3);
    EXPECT_THAT(ran.err, HasSubstr("cannot reach khud at unix:/nonexistent/khud.sock"));
}

TEST(Program, QueueIsATableOfLiveJobs) {
    const FakeKhud khud([](const FakeRequest&) { return http(200, kQueue); });

    const Ran ran = run_khu({"queue"}, at(khud));

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(khud.requests().at(0).target, "/v1/queue");
    EXPECT_EQ(
        ran.out,
        "JOB  NAME   USER  PARTITION  PHASE    NODES  GPUS  TIME  LIMIT  STARTS IN  WHERE\n"
        "  7  train  u-1   gpu-h100   running      2    16    1h     2h             gn[01-02]\n"
        "  8  eval                    queued       1     0                          A120 "
        "resources_busy\n");
}

TEST(Program, FactorsShowEveryTermOfThePlaceInTheQueue) {
    const FakeKhud khud([](const FakeRequest&) {
        return http(200, R"({"jobs":[{"job":7,"phase":"running"},)"
                         R"({"job":8,"phase":"queued","spec":{"user":"u-2","qos":"gap"},)"
                         R"("standing":{"submitted_at":"2026-03-02T01:00:00Z","tier_s":36000,)"
                         R"("size_s":3600,"fair_share_s":1800,)"
                         R"("stands_as_if":"2026-03-01T16:30:00Z","fair_rank":2,"fair_leaves":5,)"
                         R"("used_ugs":7200000000},)"
                         R"("reason":{"code":"A120","name":"resources_busy"}}]})");
    });

    const Ran ran = run_khu({"queue", "--factors", "--format", "csv"}, at(khud));

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(khud.requests().at(0).target, "/v1/queue?factors=true");
    EXPECT_EQ(ran.out,
              "job,user,enterprise,partition,qos,stands_as_if,submitted_at,tier_s,size_s,"
              "over_age_s,fair_share_s,at_floor,fair_rank,fair_leaves,used_ugs,why\n"
              "8,u-2,,,gap,2026-03-01T16:30:00Z,2026-03-02T01:00:00Z,36000,3600,0,1800,false,2,5,"
              "7200000000,A120 resources_busy\n");
}

TEST(Program, JsonIsTheApisOwnAnswerAlsoWhatWeDoNotKnow) {
    const FakeKhud khud([](const FakeRequest&) { return http(200, kQueue); });

    const Ran ran = run_khu({"queue", "--format", "json"}, at(khud));

    EXPECT_EQ(ran.out, kQueue + "\n");
}

TEST(Program, CsvHasIntegersAndUtcTimes) {
    const FakeKhud khud([](const FakeRequest&) { return http(200, kQueue); });

    const Ran ran = run_khu({"queue", "--format", "csv"}, at(khud));

    EXPECT_THAT(ran.out, HasSubstr("job,name,user,enterprise,programme,partition,qos,phase,nodes,"
                                   "gpus,time_s,time_limit_s,eta_early_at,eta_late_at,submitted_at,"
                                   "exit_code,where\n"));
    EXPECT_THAT(ran.out, HasSubstr("7,train,u-1,0401000001,,gpu-h100,,running,2,16,3600,7200,,,"
                                   "2026-03-02T01:00:00Z,0,gn[01-02]\n"));
}

TEST(Program, TimesAreLocalWithTheirOffsetOrUtcIfAsked) {
    const FakeKhud khud([](const FakeRequest&) { return http(200, kQueue); });

    EXPECT_THAT(run_khu({"queue", "--format", "wide"}, at(khud)).out,
                HasSubstr("2026-03-02T08:00:00+07:00"));
    EXPECT_THAT(run_khu({"queue", "--format", "wide", "--utc"}, at(khud)).out,
                HasSubstr("2026-03-02T01:00:00Z"));
}

TEST(Program, ListingsAreReadPageByPage) {
    const FakeKhud khud([](const FakeRequest& request) {
        return request.target.find("after=7") == std::string::npos
                   ? http(200, R"({"jobs":[{"job":7,"phase":"running","spec":{"user":"an b"}}],)"
                               R"("next":"7","total":3})")
                   : http(200, R"({"jobs":[{"job":8,"phase":"done","spec":{"user":"an b"}},)"
                               R"({"job":7,"phase":"done","spec":{"user":"an b"}}],)"
                               R"("next":"","total":3})");
    });

    const Ran ran = run_khu({"queue", "--all", "-u", "an b"}, at(khud));

    EXPECT_EQ(khud.requests().at(0).target, "/v1/jobs?state=all&user=an%20b");
    EXPECT_EQ(khud.requests().at(1).target, "/v1/jobs?state=all&user=an%20b&after=7");
    EXPECT_THAT(ran.out, HasSubstr("\n  7 "));
    EXPECT_THAT(ran.out, HasSubstr("\n  8 "));
    EXPECT_THAT(ran.out, Not(HasSubstr("running")));  // it ended while the pages were read
}

TEST(Program, WhySaysEachReasonInTheReadersLanguage) {
    const FakeKhud khud([](const FakeRequest&) {
        return http(200,
                    R"({"job":8,"phase":"queued","rank":3,"reasons":[{"code":"A111",)"
                    R"("name":"grant_not_started","text":"x","remedy":"y","data":[{"key":"grant",)"
                    R"("value":"DN-1"},{"key":"opens_at","value":"2026-03-02T01:00:00Z"}]}]})");
    });
    Surroundings around = at(khud);
    around.env["LANG"] = "vi_VN.UTF-8";

    EXPECT_EQ(run_khu({"why", "8"}, at(khud)).out,
              "job 8 waits, place 3 in its queue\n"
              "  A111 grant_not_started: grant DN-1 opens at 2026-03-02T01:00:00Z\n"
              "       Nothing to do: it starts then.\n");
    EXPECT_THAT(run_khu({"why", "8"}, around).out, HasSubstr("hạn mức DN-1 mở lúc"));
}

TEST(Program, CancelGoesOnAfterARefusalAndRemembersIt) {
    const FakeKhud khud([](const FakeRequest& request) {
        if (request.target == "/v1/jobs/8/cancel") {
            return problem(404, "J300", "unknown_job", R"([{"key":"job","value":8}])");
        }
        return http(200, R"({"job":7,"phase":"ending"})");
    });

    const Ran ran = run_khu({"cancel", "8", "7"}, at(khud));

    EXPECT_EQ(ran.code, 1);
    EXPECT_EQ(ran.out, "job 7 cancelled (ending)\n");
    EXPECT_THAT(ran.err, HasSubstr("J300 unknown_job"));
    EXPECT_EQ(khud.requests().size(), 2U);
}

TEST(Program, AnAnswerThatIsNoApiAnswerIsExitCode4) {
    const FakeKhud html([](const FakeRequest&) { return http(502, "<html>", "text/html"); });
    const FakeKhud broken([](const FakeRequest&) { return http(200, R"({"jobs":7})"); });

    EXPECT_EQ(run_khu({"queue"}, at(html)).code, 4);
    EXPECT_EQ(run_khu({"queue"}, at(broken)).code, 4);
    EXPECT_THAT(run_khu({"queue"}, at(broken)).err, HasSubstr("jobs"));
}

TEST(Program, TheTokenComesFromTheEnvironmentOrAPrivateFile) {
    const FakeKhud khud([](const FakeRequest&) { return http(200, kQueue); });
    const Folder folder;
    const std::string file = folder.file("token", "secret-2\n");
    Surroundings around = at(khud);
    around.env["KHU_TOKEN_FILE"] = file;

    ::chmod(file.c_str(), 0644);
    const Ran open = run_khu({"queue"}, around);
    ::chmod(file.c_str(), 0600);
    const Ran closed = run_khu({"queue"}, around);
    around.env["KHU_TOKEN"] = "secret-1";
    run_khu({"queue"}, around);

    EXPECT_EQ(open.code, 2);
    EXPECT_THAT(open.err, HasSubstr("can be read by others"));
    EXPECT_EQ(closed.code, 0) << closed.err;
    ASSERT_EQ(khud.requests().size(), 2U);
    EXPECT_EQ(khud.requests().at(0).header("Authorization"), "Bearer secret-2");
    EXPECT_EQ(khud.requests().at(1).header("Authorization"), "Bearer secret-1");
}

TEST(Program, TheConfigurationNamesTheEndpointAndItsMistakesTheirLine) {
    const FakeKhud khud([](const FakeRequest&) { return http(200, kQueue); });
    const Folder folder;
    ::mkdir((folder.path() + "/khu").c_str(), 0700);
    const Surroundings around{.env = {{"XDG_CONFIG_HOME", folder.path()}}};

    folder.file("khu/config.yaml", "# mine\nendpoint: " + khud.endpoint() + "\n");
    const Ran good = run_khu({"queue"}, around);
    folder.file("khu/config.yaml", "# mine\nendpiont: x\n");
    const Ran bad = run_khu({"queue"}, around);

    EXPECT_EQ(good.code, 0) << good.err;
    EXPECT_EQ(bad.code, 2);
    EXPECT_THAT(bad.err, HasSubstr("config.yaml:2"));
    EXPECT_THAT(bad.err, HasSubstr("Did you mean endpoint?"));
}

TEST(Program, EndpointsOfAnotherFormAreRefusedWithTheFormsThereAre) {
    for (const char* url : {"http://host", "unix:", "https://", "https://h:x"}) {
        const Ran ran = run_khu({"queue", "--endpoint", url});

        EXPECT_EQ(ran.code, 2) << url;
        EXPECT_THAT(ran.err, HasSubstr("https://host:port")) << url;
    }
}

TEST(Program, AMistypedOptionNamesTheNearestAndAsksNobody) {
    const FakeKhud khud([](const FakeRequest&) { return http(200, kQueue); });

    const Ran ran = run_khu({"queue", "--min"}, at(khud));

    EXPECT_EQ(ran.code, 2);
    EXPECT_THAT(ran.err, HasSubstr("Did you mean --mine?"));
    EXPECT_TRUE(khud.requests().empty());
}

TEST(Program, PipedOutputHasNoEscapes) {
    const FakeKhud khud([](const FakeRequest&) { return http(200, kQueue); });

    EXPECT_THAT(run_khu({"queue"}, at(khud)).out, Not(HasSubstr("\033")));
}

}  // namespace
}  // namespace khu::cli::test
