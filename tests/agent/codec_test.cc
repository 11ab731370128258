#include <gtest/gtest.h>

#include "agent/shepherd_order.h"
#include "agent/shepherd_plan.h"
#include "agent/shepherd_records.h"
#include "agent/shepherd_result.h"
#include "wire/json.h"

namespace khu::agent {
namespace {

ShepherdOrder full_order() {
    ShepherdOrder order;
    order.job = 42;
    order.attempt = 3;
    order.array_index = 7;
    order.uid = 1000;
    order.gid = 1001;
    order.groups = {1001, 27};
    order.umask = 027;
    order.node = "gn01";
    order.chdir = "/data/run";
    order.argv = {"./train", "--lr", "0.1", ""};
    order.env = {"A=1", "EMPTY=", std::string("LINES=a\nb 3\nc")};
    order.files = {
        {.path = "script", .content = std::string("#!/bin/sh\n\0\xff end", 16), .mode = 0700}};
    order.tasks = {{.rank = 0, .env = {"RANK=0"}, .cores = {0, 1}},
                   {.rank = 1, .env = {}, .cores = {}}};
    order.cores = {0, 1, 2};
    order.private_dirs = {"/tmp/khu-42"};
    order.output = "khu-%j.out";
    order.error = "err";
    order.output_truncate = 1;
    order.capture_bytes_max = 5;
    order.notice_children = 1;
    order.accepts_steps = 1;
    order.group_standby = "/sys/fs/cgroup/pids/khu-gn01/7.1";
    order.group_processes = 500;
    order.kill_siblings = 0;
    order.leftover_grace_ms = 9;
    order.hold = 1;
    order.processes_max = 100;
    order.group_join = {"/sys/fs/cgroup/a/cgroup.procs"};
    order.group_kill = "/sys/fs/cgroup/a";
    order.group_memory = "/sys/fs/cgroup/m";
    return order;
}

TEST(OrderCodec, ReadsBackEveryMember) {
    EXPECT_EQ(decode_order(encode_order(full_order())), full_order());
}

TEST(OrderCodec, RefusesEveryTextThatIsCutOffWithinARecord) {
    const std::string text = encode_order(full_order());
    int accepted = 0;
    for (std::size_t size = 0; size < text.size(); ++size) {
        const auto order = decode_order(std::string_view(text).substr(0, size));
        accepted += order && *order == full_order() ? 1 : 0;
    }
    EXPECT_EQ(accepted, 0);
}

TEST(OrderCodec, RefusesUnknownKeysAndNumbersThatAreNone) {
    for (const char* text :
         {"jub 1\n1\n", "job 1\nx\n", "job 0\n\n", "job 2\n1 \n", "core 2\n-1\n",
          "core 20\n99999999999999999999\n", "task 5\nrank \n", "x", "job 1", "\n"}) {
        EXPECT_FALSE(decode_order(text)) << text;
    }
}

TEST(Records, RefuseLengthsThatLie) {
    for (const char* text : {"a 5\nab\n", "a -1\nab\n", "a 1\nab\n", "a 99999999999999999999\nab\n",
                             "a 2\nab", "a\nab\n", " 2\nab\nb"}) {
        EXPECT_FALSE(parse_records(text)) << text;
    }
    EXPECT_EQ(parse_records("a 2\nab\n")->at(0).value, "ab");
    EXPECT_TRUE(parse_records("")->empty());
}

TEST(ResultCodec, IsJsonThatTheReflectionCodecReads) {
    ShepherdResult result;
    result.job = 42;
    result.attempt = 1;
    result.exit_code = 3;
    result.oom = true;
    result.fault = "directory_missing";
    result.fault_path = "/d\u1eef \"li\u1ec7u\"\\\n\x01";
    result.fault_why = "No such file";
    result.ended_ms = 9'007'199'254'740'993;

    const auto read = wire::from_json_text<ShepherdResult>(to_text(result), wire::Unknown::Refuse);

    ASSERT_TRUE(read);
    EXPECT_EQ(*read, result);
}

TEST(ResultCodec, WritesAPathThatIsNotUtf8) {
    ShepherdResult result;
    for (const char* bytes :
         {"\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe1\x80"}) {
        result.fault_path = bytes;
        const auto read =
            wire::from_json_text<ShepherdResult>(to_text(result), wire::Unknown::Refuse);
        ASSERT_TRUE(read) << bytes;
        EXPECT_NE(read->fault_path.find('?'), std::string::npos);
    }
}

TEST(MakeOrder, CarriesThePlanAndTheFacts) {
    plugins::LaunchPlan plan;
    plan.argv = {"./train"};
    plan.env = {{"A", "1"}, {"B", "2"}};
    plan.files = {{.path = "hostfile", .content = "gn01 slots=2\n", .mode = 0600}};
    plan.tasks = {{.rank = 5, .env = {{"RANK", "5"}}, .cores = {3}}};
    plan.cores = {3, 4};
    const OrderFacts facts{.key = {JobId{42}, AttemptNumber{1}},
                           .node = "gn02",
                           .uid = 1000,
                           .gid = 1000,
                           .groups = {1000},
                           .chdir = "/data",
                           .output = {},
                           .error = {},
                           .launcher = khu::Launcher::Fork,
                           .private_dirs = {},
                           .group = {.join = {"/g/tasks"}, .kill = "/g", .memory = {}}};

    const ShepherdOrder order = make_order(plan, facts);

    EXPECT_EQ(order.env, (std::vector<std::string>{"A=1", "B=2"}));
    EXPECT_EQ(order.tasks[0].env, std::vector<std::string>{"RANK=5"});
    EXPECT_EQ(order.output, "khu-%j.out");
    EXPECT_EQ(order.output_truncate, 1);
    EXPECT_EQ(order.notice_children, 0);
    EXPECT_EQ(order.group_kill, "/g");
    EXPECT_EQ(order.files[0].path, "hostfile");
}

TEST(MakeOrder, LaterAttemptsAndNodesAppendToTheOutput) {
    OrderFacts facts;
    facts.key = {JobId{42}, AttemptNumber{2}};
    EXPECT_EQ(make_order({}, facts).output_truncate, 0);

    facts.key = {JobId{42}, AttemptNumber{1}};
    facts.first_node = false;
    EXPECT_EQ(make_order({}, facts).output_truncate, 0);
}

}  // namespace
}  // namespace khu::agent
