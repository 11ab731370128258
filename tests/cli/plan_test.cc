#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lzma.h>
#include <zlib.h>

#include <filesystem>
#include <regex>

#include <fmt/format.h>

#include "tests/cli/fake_khud.h"
#include "tests/cli/program.h"

namespace khu::cli::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

const std::string kHeader = "job_id,submit_s,duration_s,gpus,tenant\n";
/// Three jobs on two GPUs, one after the other: they wait 0, 90 and 130 s.
const std::string kThree = kHeader + "a,0,100,2,x\nb,10,50,2,x\nc,20,30,1,x\n";

std::string xz(const std::string& text) {
    std::string out(text.size() + 1024, '\0');
    std::size_t size = 0;
    lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, nullptr,
                            reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                            reinterpret_cast<std::uint8_t*>(out.data()), &size, out.size());
    out.resize(size);
    return out;
}

std::string gzip(const std::string& text) {
    std::string out(text.size() + 1024, '\0');
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

class Plan : public testing::Test {
protected:
    Ran plan(const std::string& trace, std::vector<std::string> more = {}) {
        std::vector<std::string> words{"plan",  "--trace",    trace,  "--machine",
                                       machine, "--runtimes", "known"};
        words.insert(words.end(), more.begin(), more.end());
        return run_khu(words);
    }
    Ran plan_text(const std::string& text, std::vector<std::string> more = {}) {
        return plan(folder.file("t.csv", text), std::move(more));
    }
    Ran with_machine(const std::string& text) {
        machine = folder.file("n.yaml", text);
        return plan_text(kThree);
    }
    const Folder folder;
    std::string machine = folder.file("m.yaml", "{nodes: 1, gpus_per_node: 2}\n");
};

TEST_F(Plan, PrintsTheWaitsThatAreComputedByHand) {
    const Ran ran = plan_text(kThree, {"--format", "json"});

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr(R"("jobs":3,"rejected":0,)"));
    EXPECT_THAT(ran.out,
                HasSubstr(R"("wait_s":{"mean":73.333,"p50":90,"p90":130,"p99":130,"max":130})"));
    EXPECT_THAT(ran.out,
                HasSubstr(R"("jct_s":{"mean":133.333,"p50":140,"p90":160,"p99":160,"max":160})"));
    EXPECT_THAT(ran.out, HasSubstr(R"("utilisation":1.000,"makespan_s":180)"));
    EXPECT_THAT(ran.out, HasSubstr(R"("finish_time_ratio":null)"));
}

TEST_F(Plan, TheSameInputGivesTheSameBytes) {
    const auto without_wall = [](const std::string& text) {
        return std::regex_replace(text, std::regex(R"("wall_s":[0-9.]+)"), "");
    };
    std::string text = kHeader;
    for (int i = 0; i < 400; ++i) {
        text += "j" + std::to_string(i) + "," + std::to_string(i * 11) + "," +
                std::to_string(10 + i * 37 % 300) + "," + std::to_string(1 + i % 2) + ",t" +
                std::to_string(i % 4) + "\n";
    }

    const std::vector<std::string> words{"--format", "json", "--fairness", "--runtimes",
                                         "predicted"};
    const Ran once = plan_text(text, words);
    const Ran again = plan_text(text, words);

    EXPECT_EQ(once.code, 0) << once.err;
    EXPECT_EQ(without_wall(once.out), without_wall(again.out));
    EXPECT_THAT(once.out, Not(HasSubstr(R"("finish_time_ratio":null)")));
}

TEST_F(Plan, ReadsPackedTraces) {
    const std::string expected = R"("wait_s":{"mean":73.333)";

    EXPECT_THAT(plan(folder.file("t.csv.xz", xz(kThree)), {"--format", "json"}).out,
                HasSubstr(expected));
    EXPECT_THAT(plan(folder.file("t.csv.gz", gzip(kThree)), {"--format", "json"}).out,
                HasSubstr(expected));
}

TEST_F(Plan, NothingOfATraceThatIsCutOffIsReplayed) {
    for (const std::string& packed : {xz(kThree), gzip(kThree)}) {
        const Ran ran = plan(folder.file("cut", packed.substr(0, packed.size() - 12)));

        EXPECT_EQ(ran.code, 1);
        EXPECT_THAT(ran.err, HasSubstr("P000"));
        EXPECT_THAT(ran.err, HasSubstr("is cut off"));
        EXPECT_EQ(ran.out, "");
    }
}

TEST_F(Plan, ADamagedTraceIsNotReplayed) {
    std::string packed = xz(kThree);
    packed[packed.size() / 2] = static_cast<char>(packed[packed.size() / 2] ^ 0x55);

    const Ran ran = plan(folder.file("bad.xz", packed));

    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr("damaged"));
}

TEST_F(Plan, EveryMistakeOfATraceHasItsPlace) {
    const auto complaint = [&](const std::string& text) {
        const Ran ran = plan_text(text);
        EXPECT_EQ(ran.code, 1) << text;
        EXPECT_THAT(ran.err, HasSubstr("docs/formats/trace.md"));
        return ran.err;
    };

    EXPECT_THAT(complaint("job_id,submit_s,gpus\na,0,1\n"), HasSubstr("P004 duration_s"));
    EXPECT_THAT(complaint("job_id,submit_s,duration_s\na,0,1\n"), HasSubstr("P004 gpus"));
    EXPECT_THAT(complaint(kHeader + "a,0,-5,1,x\n"), HasSubstr("t.csv:2:5: P011 duration_s"));
    EXPECT_THAT(complaint(kHeader + "a,9,5,1,x\nb,8,5,1,x\n"),
                HasSubstr("t.csv:3:3: P015 submit_s"));
    EXPECT_THAT(complaint(kHeader + "a,0,99999999999999999999,1,x\n"),
                HasSubstr("t.csv:2:5: P011 duration_s"));
    EXPECT_THAT(complaint(kHeader + "a,0,5,1,x\na,1,5,1,x\n"), HasSubstr("t.csv:3:1: P003 job_id"));
    EXPECT_THAT(complaint(kHeader + "a,0,5\n"), HasSubstr("t.csv:2:1: P017"));
    EXPECT_THAT(complaint(kHeader + "\"a,0,5,1,x\n"), HasSubstr("never closed"));
    EXPECT_THAT(complaint(kHeader), HasSubstr("no job that ran"));
    EXPECT_THAT(complaint(""), HasSubstr("the trace is empty"));
}

TEST_F(Plan, EveryMistakeOfAMachineFileHasItsPlace) {
    EXPECT_THAT(with_machine("{nodez: 4}\n").err,
                AllOf(HasSubstr("n.yaml:1:2: P007 nodez"), HasSubstr("did you mean 'nodes'?")));
    EXPECT_THAT(with_machine("{nodes: 0}\n").err, HasSubstr("n.yaml:1:9: P012 nodes"));
    EXPECT_THAT(with_machine("{nodes: 4, cores: 2}\n").err, HasSubstr("exactly one of"));
    EXPECT_THAT(with_machine("{nodes: 1, gpus_per_node: 2, tenants: {x: {nodes: 2}}}\n").err,
                HasSubstr("its tenants have 2"));
    EXPECT_THAT(with_machine("{gpus_per_node: 2, tenants: {y: {nodes: 2}}}\n").err,
                HasSubstr("tenant x of the trace has no nodes"));
    folder.file("node.xml", "<?xml version=\"1.0\"?><topology/>");
    EXPECT_THAT(with_machine("classes: [{count: 1, topology: node.xml}]\n").err,
                HasSubstr("n.yaml:1:32: P008 classes[0].topology"));
}

TEST_F(Plan, ReadsTopologiesOfHwlocThroughTheAgent) {
    const std::string node = std::string(KHU_SOURCE_DIR) + "/examples/topologies/dgx-h100.xml";

    const Ran ran = with_machine("classes: [{count: 2, topology: " + node + ", rack_of: 1}]\n");

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("3 jobs ran"));
}

TEST_F(Plan, JobsWithoutGpusTakeTheCoresThatNoGpuNeeds) {
    const std::string jobs =
        "job_id,submit_s,duration_s,gpus,cpus,tenant\na,0,100,2,,x\nb,0,100,0,3.5,x\n"
        "c,0,100,0,8,x\n";
    const std::string trace = folder.file("cpu.csv", jobs);
    const std::string spare = folder.file("s.yaml",
                                          "{nodes: 1, gpus_per_node: 2, "
                                          "cores_per_node: 24}\n");
    const std::string none = folder.file("p.yaml", "{nodes: 1, gpus_per_node: 2}\n");
    const auto plan = [](const std::string& file, const std::string& on) {
        return run_khu({"plan", "--trace", file, "--machine", on, "--format", "json"});
    };

    EXPECT_THAT(plan(trace, spare).out,
                AllOf(HasSubstr(R"("jobs":3,"rejected":0)"), HasSubstr(R"("makespan_s":200)")));
    EXPECT_THAT(plan(trace, none).out, HasSubstr(R"("jobs":1,"rejected":2)"));
}

TEST_F(Plan, ComparesTwoMachines) {
    const std::string wider = folder.file("w.yaml", "{nodes: 2, gpus_per_node: 2}\n");

    const Ran json = plan_text(kThree, {"--against", wider, "--format", "json"});
    const Ran table = plan_text(kThree, {"--against", wider});

    EXPECT_THAT(json.out, HasSubstr(R"("against":{"name":")" + wider));
    EXPECT_THAT(table.out, HasSubstr("BEFORE"));
    EXPECT_THAT(table.out, HasSubstr("-"));
    EXPECT_EQ(table.err, "");
}

TEST_F(Plan, ShowsWhatAnIdleLoadChanges) {
    const Ran plain = plan_text(kThree);
    const Ran with = plan_text(kThree, {"--idle", "2h"});
    const Ran again = plan_text(kThree, {"--idle", "2h", "--format", "csv"});

    EXPECT_THAT(plain.out, Not(HasSubstr("idle")));
    EXPECT_EQ(with.code, 0) << with.err;
    EXPECT_THAT(with.out,
                AllOf(HasSubstr("BEFORE"), HasSubstr("+ idle 2h"),
                      HasSubstr("with the idle load, %"), HasSubstr("starts in a cleared place")));
    EXPECT_THAT(again.out, HasSubstr("idle,idle_longest_way_s"));
    EXPECT_EQ(plan_text(kThree, {"--idle", "soon"}).code, 2);
}

/// The shipped example: of 128 GPUs mo-vigen may have its 40 and 64 more; kn-80 owns 64.
TEST_F(Plan, CountsWhoGaveBackBorrowedGpus) {
    machine = folder.file("m.yaml", "{nodes: 16, gpus_per_node: 8}");
    const std::string trace =
        kHeader + "a,0,20000,40,mo-vigen\nb,1,20000,64,mo-vigen\n" + "c,100,600,64,kn-80\n";
    const std::vector<std::string> policy{
        "--policy", std::string(KHU_SOURCE_DIR) + "/config/examples/dn-cvpm2.yaml"};
    const Ran table = plan_text(trace, policy);

    EXPECT_EQ(table.code, 0) << table.err;
    EXPECT_THAT(table.out, ContainsRegex("Attempts that gave back borrowed GPUs +1"));

    machine = folder.file("n.yaml", "{nodes: 8, gpus_per_node: 8}");
    const Ran small = plan_text(kThree, policy);
    EXPECT_THAT(small.out, AllOf(Not(HasSubstr("gave back")),
                                 HasSubstr("borrowing is not obeyed: nominal_gpus total 128, the "
                                           "machine has 64 GPUs in 1 partitions")));
    std::vector<std::string> as_json = policy;
    as_json.insert(as_json.end(), {"--format", "json"});
    EXPECT_THAT(plan_text(kThree, as_json).out,
                HasSubstr(R"("not_lent":{"nominal_gpus":128,"gpus":64,"partitions":1})"));
}

const std::string kRules =
    "khu_layer: 1\nlayer:\n  utc_offset: \"+07:00\"\n  id: vn-9\n  level: national\n"
    "  effective_from: \"2026-01-01T00:00:00+07:00\"\n  decision_ref: \"9/ND\"\nbounds:\n"
    "  \"preemption.grace\": {min: 20m}\n";

/// Who is told to leave may take five minutes by the policy, and twenty by the rules above it; the
/// second job finds a load of the idle class there.
TEST_F(Plan, ReplaysUnderThePolicyHeldToRulesAboveIt) {
    const std::string policy = KHU_SOURCE_DIR "/config/examples/dn-cvpm2.yaml";
    const std::string rules = folder.file("rules.yaml", kRules);

    const Ran ran =
        plan_text(kHeader + "a,0,100,2,x\nb,5000,100,2,x\n",
                  {"--policy", policy, "--idle", "2h", "--against", rules, "--format", "csv"});

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("idle 2h,,wait_s,2,150.000,0,300,300,300\n"));
    EXPECT_THAT(ran.out, HasSubstr("rules.yaml,,wait_s,2,600.000,0,1200,1200,1200\n"));
    EXPECT_EQ(plan_text(kThree, {"--against", rules}).code, 2) << "there is no policy to hold";
}

TEST_F(Plan, RefusesAPolicyBeyondTheRulesItIsUnder) {
    const std::string policy = KHU_SOURCE_DIR "/config/examples/dn-cvpm2.yaml";

    const Ran ran =
        plan_text(kThree, {"--policy", policy, "--under", folder.file("rules.yaml", kRules)});

    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr("P073 preemption.grace: 5m, at least 20m is required "
                                   "(national vn-9, line 9)"));
}

TEST_F(Plan, TheWindowLimitsTheJobs) {
    EXPECT_THAT(plan_text(kThree, {"--from", "10", "--to", "20", "--format", "json"}).out,
                HasSubstr(R"("jobs":1,)"));
    const Ran none = plan_text(kThree, {"--from", "50"});
    EXPECT_EQ(none.code, 2);
    EXPECT_THAT(none.err, HasSubstr("from second 0 to 20"));
}

TEST_F(Plan, SaysWhatItDidNotReplayOrObey) {
    const Ran ran = plan_text(
        "job_id,submit_s,duration_s,gpus,gpu_type,mood\n"
        "a,0,5,1,T4,\nb,1,,1,,\nc,2,5,64,,good\n");

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("1 jobs that never ran"));
    EXPECT_THAT(ran.out, HasSubstr("what 1 jobs say of gpu_type"));
    EXPECT_THAT(ran.out, HasSubstr("what 1 jobs say of mood"));
    EXPECT_THAT(ran.out, HasSubstr("1 jobs rejected, A13"));
}

TEST_F(Plan, ReadsTheStandardWorkloadFormat) {
    machine = folder.file("m.yaml", "{nodes: 2}\n");
    const std::string text =
        "; Version: 2.2\n"
        " 1 0 -1 100 2 -1 -1 2 100 -1 1 7 3 -1 -1 -1 -1 -1\n"
        " 2 10 -1 50 2 -1 -1 -1 60 -1 1 7 3 -1 -1 -1 -1 -1\n"
        " 3 11 -1 -1 -1 -1 -1 2 60 -1 5 7 3 -1 -1 -1 -1 -1\n";

    const Ran ran = plan(folder.file("t.swf", text), {"--format", "json"});
    const Ran bad = plan(folder.file("bad.swf", "1 2 3\n"));

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr(R"("wait_s":{"mean":45.000,"p50":0,"p90":90)"));
    EXPECT_THAT(ran.out, HasSubstr(R"("never_ran":1)"));
    EXPECT_THAT(ran.out, HasSubstr(R"("name":"g3")"));
    EXPECT_THAT(bad.err, HasSubstr("bad.swf:1:1: P017: 3 fields, a job has 18"));
}

TEST_F(Plan, WritesTheAnswerAndThePictureIntoFiles) {
    const std::string answer = folder.path() + "/answer.csv";
    const std::string picture = folder.path() + "/picture.svg";

    const Ran ran = plan_text(kThree, {"--format", "csv", "-o", answer, "--svg", picture});

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(read_text(answer), HasSubstr(",,wait_s,3,73.333,90,130,130,130\n"));
    EXPECT_THAT(read_text(picture), AllOf(HasSubstr("<svg "), HasSubstr("Utilisation"),
                                          HasSubstr("<polyline class=\"r0\"")));
}

TEST_F(Plan, RefusesWhatItDoesNotKnow) {
    EXPECT_EQ(run_khu({"plan"}).code, 2);
    EXPECT_EQ(plan_text(kThree, {"--order", "random"}).code, 2);
    EXPECT_EQ(plan_text(kThree, {"--last", "30d"}).code, 2);
    EXPECT_THAT(plan("/nonexistent.csv").err, HasSubstr("No such file"));
}

TEST_F(Plan, ReplaysWhatTheZoneHasRun) {
    const FakeKhud khud([](const FakeRequest& request) {
        if (request.target.starts_with("/v1/policy/layers/")) {
            return problem(404, "H411", "no policy of that level bound then", "[]");
        }
        if (request.target.starts_with("/v1/policy")) {
            return http(200, R"({"policy":"p","text":""})");
        }
        const auto job = [](int number, const char* at, const char* end) {
            return fmt::format(
                R"({{"job":{},"spec":{{"enterprise":"0401000001","user":"u","nodes":1,)"
                R"("gpus_per_node":2,"time_limit_s":600}},"submitted_at":"{}","taken_at":"{}",)"
                R"("ended_at":"{}"}})",
                number, at, at, end);
        };
        return http(200, R"({"jobs":[)" + job(2, "2098-01-01T00:00:10Z", "2098-01-01T00:01:50Z") +
                             "," + job(1, "2098-01-01T00:00:00Z", "2098-01-01T00:01:40Z") +
                             R"(],"next":""})");
    });
    const std::string on = folder.file("n.yaml", "{nodes: 1, gpus_per_node: 2}\n");

    const Ran ran = run_khu({"plan", "--last", "30d", "--machine", on, "--format", "json"},
                            {.env = {{"KHU_ENDPOINT", khud.endpoint()}}});

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr(R"("jobs":2,"rejected":0)"));
    EXPECT_THAT(ran.out, HasSubstr(R"("wait_s":{"mean":45.000,"p50":0,"p90":90)"));
    EXPECT_EQ(run_khu({"plan", "--last", "30d", "--trace", on}).code, 2);
}

}  // namespace
}  // namespace khu::cli::test
