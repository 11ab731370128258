#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "tests/cli/fake_khud.h"
#include "tests/cli/program.h"

namespace khu::cli::test {
namespace {

using testing::HasSubstr;

const std::string kDone = R"({"job":12,"phase":"done","cause":"user_error","exit_code":3})";
const std::string kRunning = R"({"job":12,"phase":"running","spec":{"tasks_per_node":4},)"
                             R"("nodes":[{"node":"gn01"},{"node":"gn02"}]})";

Surroundings at(const FakeKhud& khud) {
    return {.env = {{"KHU_ENDPOINT", khud.endpoint()}}};
}

bool asks_for(const FakeRequest& request, const char* what) {
    return request.target.find(what) != std::string::npos;
}

TEST(Follow, RunPrintsTheOutputAndEndsAsTheJobDid) {
    const FakeKhud khud([](const FakeRequest& request) {
        if (request.method == "POST") {
            return http(201, R"({"job":12})");
        }
        if (asks_for(request, "/log")) {
            return http(200, asks_for(request, "offset=0") ? "hello\n" : "", "text/plain");
        }
        return http(200, kDone);
    });

    const Ran ran = run_khu({"run", "-n", "2", "hostname"}, at(khud));

    EXPECT_EQ(ran.out, "hello\n");
    EXPECT_EQ(ran.code, 3) << ran.err;
    EXPECT_THAT(khud.requests().at(0).body, HasSubstr(R"("launcher":"fork")"));
}

TEST(Follow, ABrokenConnectionGoesOnWhereItStopped) {
    std::atomic<int> logs{0};
    const FakeKhud khud([&](const FakeRequest& request) {
        if (!asks_for(request, "/log")) {
            return http(200, logs < 2 ? kRunning : kDone);
        }
        ++logs;
        if (asks_for(request, "offset=0&")) {
            return std::string(
                "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst\n\r\n");
        }
        if (asks_for(request, "offset=6&")) {
            return http(200, "second\n", "text/plain");
        }
        return http(200, asks_for(request, "offset=13") ? "last\n" : "?", "text/plain");
    });

    const Ran ran = run_khu({"logs", "-f", "12"}, at(khud));

    EXPECT_EQ(ran.out, "first\nsecond\nlast\n");
    EXPECT_EQ(ran.code, 0) << ran.err;
}

TEST(Follow, AJobThatHasWrittenNothingYetIsWaitedFor) {
    std::atomic<int> logs{0};
    const FakeKhud khud([&](const FakeRequest& request) {
        if (!asks_for(request, "/log")) {
            return http(200, logs < 2 ? R"({"job":12,"phase":"queued"})" : kDone);
        }
        return ++logs < 2 ? problem(409, "J301", "wrong_phase") : http(200, "", "text/plain");
    });

    EXPECT_EQ(run_khu({"logs", "-f", "12"}, at(khud)).code, 0);
}

TEST(Follow, LogsOfARankAreThoseOfItsNode) {
    const FakeKhud khud([](const FakeRequest& request) {
        return asks_for(request, "/log") ? http(200, "x\n", "text/plain") : http(200, kRunning);
    });

    const Ran ran = run_khu({"logs", "12", "--rank", "5", "--stream", "error"}, at(khud));

    EXPECT_EQ(khud.requests().at(1).target, "/v1/jobs/12/log?stream=error&node=gn02&offset=0");
    EXPECT_EQ(ran.out, "x\n");
    EXPECT_EQ(run_khu({"logs", "12", "--rank", "8"}, at(khud)).code, 2);
}

TEST(Follow, AnotherEnterprisesLogsAreRefused) {
    const FakeKhud khud([](const FakeRequest&) {
        return problem(404, "J300", "unknown_job", R"([{"key":"job","value":12}])");
    });

    for (const char* option : {"--follow", "--stream=output"}) {
        const Ran ran = run_khu({"logs", option, "12"}, at(khud));

        EXPECT_EQ(ran.code, 1);
        EXPECT_THAT(ran.err, HasSubstr("J300 unknown_job"));
    }
}

TEST(Follow, WaitGivesTheFirstExitCodeThatIsNot0) {
    const FakeKhud khud([](const FakeRequest& request) {
        if (asks_for(request, "/v1/jobs/1/")) {
            return http(200, R"({"job":1,"phase":"done","cause":"completed"})");
        }
        if (asks_for(request, "/v1/jobs/2/")) {
            return http(200, R"({"job":2,"phase":"done","cause":"time_limit"})");
        }
        return http(200, kDone);
    });

    EXPECT_EQ(run_khu({"wait", "1"}, at(khud)).code, 0);
    EXPECT_EQ(run_khu({"wait", "1", "2", "12"}, at(khud)).code, 124);
    EXPECT_EQ(run_khu({"wait", "12", "2"}, at(khud)).code, 3);
}

TEST(Follow, WaitAsksAgainUntilTheJobIsDone) {
    std::atomic<int> asked{0};
    const FakeKhud khud(
        [&](const FakeRequest&) { return http(200, ++asked < 3 ? kRunning : kDone); });

    EXPECT_EQ(run_khu({"wait", "12"}, at(khud)).code, 3);
    EXPECT_EQ(asked, 3);
}

TEST(Follow, WatchGoesOnAfterTheLastWholeEvent) {
    std::atomic<int> asked{0};
    const FakeKhud khud([&](const FakeRequest&) {
        switch (++asked) {
            case 1:
                return http(200, "{\"seq\":5,\"job\":1}\n{\"seq\":6}\n{\"seq\":7,", "text/plain");
            case 2:
                return http(200, "{\"seq\":7,\"job\":2}\n", "text/plain");
            default:
                return problem(401, "N401", "not_authenticated");
        }
    });

    const Ran ran = run_khu({"watch", "--from", "5"}, at(khud));

    EXPECT_EQ(ran.out, "{\"seq\":5,\"job\":1}\n{\"seq\":6}\n{\"seq\":7,\"job\":2}\n");
    EXPECT_EQ(khud.requests().at(0).target, "/v1/events?from=5");
    EXPECT_EQ(khud.requests().at(1).target, "/v1/events?from=7");
    EXPECT_EQ(ran.code, 1);
}

TEST(Follow, WatchResumesWhereAPulseSaysAndPrintsNothingTwice) {
    std::atomic<int> asked{0};
    const FakeKhud khud([&](const FakeRequest&) {
        switch (++asked) {
            case 1:
                return http(200, "{\"resume_from\":40,\"cut\":\"\"}\n", "text/plain");
            case 2:
                return http(200,
                            "{\"seq\":39}\n{\"seq\":41}\n"
                            "{\"resume_from\":50,\"cut\":\"too slow\"}\n",
                            "text/plain");
            default:
                return problem(401, "N401", "not_authenticated");
        }
    });

    const Ran ran = run_khu({"watch"}, at(khud));

    EXPECT_EQ(ran.out, "{\"seq\":41}\n");
    EXPECT_EQ(khud.requests().at(0).target, "/v1/events");
    EXPECT_EQ(khud.requests().at(1).target, "/v1/events?from=40");
    EXPECT_EQ(khud.requests().at(2).target, "/v1/events?from=50");
}

TEST(Follow, WhoIsToldToSlowDownWaitsAndAsksAgain) {
    std::atomic<int> asked{0};
    const FakeKhud khud([&](const FakeRequest&) {
        return ++asked == 1 ? http(429, R"({"code":"H429","title":"too_many_requests"})",
                                   "application/problem+json\r\nRetry-After: 1")
                            : http(200, kDone);
    });

    const Ran ran = run_khu({"cancel", "12"}, at(khud));

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(asked, 2);
}

TEST(Follow, AFullQueueIsNotWaitedFor) {
    std::atomic<int> asked{0};
    const FakeKhud khud([&](const FakeRequest&) {
        ++asked;
        return problem(429, "A103", "too_many_queued");
    });

    EXPECT_EQ(run_khu({"cancel", "12"}, at(khud)).code, 1);
    EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace khu::cli::test
