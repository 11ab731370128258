#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>

#include "tests/cli/fake_khud.h"
#include "tests/cli/program.h"

namespace khu::cli::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kMade = R"({"job":12,"existed":false})";

Surroundings at(const FakeKhud& khud) {
    return {.env = {{"KHU_ENDPOINT", khud.endpoint()}}};
}

TEST(Submit, SendsWhatTheOptionsSay) {
    const FakeKhud khud([](const FakeRequest&) { return http(201, kMade); });

    const Ran ran = run_khu(
        {"submit",   "-n",         "2",        "-g",           "8:h100", "-t",    "2h30m",
         "--mem",    "64G",        "--signal", "USR1@120",     "--env",  "A=b=c", "-C",
         "/data",    "--launcher", "mpi",      "--no-requeue", "-L",     "eda=2", "--resource",
         "bench-rf", "--",         "train",    "--lr",         "0.1"},
        at(khud));

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.out, "Submitted job 12\n");
    ASSERT_EQ(khud.requests().size(), 1U);
    const FakeRequest request = khud.requests().at(0);
    EXPECT_EQ(request.method + " " + request.target, "POST /v1/jobs");
    for (const char* part :
         {R"("nodes":2)", R"("gpus_per_node":8)", R"("gpu_model":"h100")", R"("time_limit_s":9000)",
          R"("mem_bytes":68719476736)", R"("notice_signal":10)", R"("notice_seconds":120)",
          R"("env":{"A":"b=c"})", R"("chdir":"/data")", R"("launcher":"mpi")", R"("requeue":false)",
          R"("resources":[{"resource":"eda","count":2},{"resource":"bench-rf","count":1}])",
          R"("argv":["train","--lr","0.1"])", R"("name":"train")"}) {
        EXPECT_THAT(request.body, HasSubstr(part));
    }
}

TEST(Submit, ABrokenConnectionIsRetriedWithTheSameKeyAndMakesOneJob) {
    std::atomic<int> asked{0};
    const FakeKhud khud([&](const FakeRequest&) {
        return ++asked < 3 ? std::string() : http(200, R"({"job":12,"existed":true})");
    });

    const Ran ran = run_khu({"submit", "true"}, at(khud));

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.out, "Submitted job 12 before\n");
    const std::vector<FakeRequest> requests = khud.requests();
    ASSERT_EQ(requests.size(), 3U);
    EXPECT_EQ(requests.at(0).header("Idempotency-Key").size(), 32U);
    EXPECT_EQ(requests.at(0).header("Idempotency-Key"), requests.at(2).header("Idempotency-Key"));
    EXPECT_EQ(requests.at(0).body, requests.at(2).body);
}

TEST(Submit, TwoSubmissionsHaveTwoKeysUnlessOneIsGiven) {
    const FakeKhud khud([](const FakeRequest&) { return http(201, kMade); });

    run_khu({"submit", "true"}, at(khud));
    run_khu({"submit", "true"}, at(khud));
    run_khu({"submit", "--idempotency-key", "mine", "true"}, at(khud));

    const std::vector<FakeRequest> requests = khud.requests();
    EXPECT_NE(requests.at(0).header("Idempotency-Key"), requests.at(1).header("Idempotency-Key"));
    EXPECT_EQ(requests.at(2).header("Idempotency-Key"), "mine");
}

TEST(Submit, GivingUpNamesTheKeyToGoOnWith) {
    const FakeKhud khud([](const FakeRequest&) { return std::string(); });
    Surroundings around = at(khud);
    around.env["KHU_RETRY_SECONDS"] = "0";

    const Ran ran = run_khu({"submit", "true"}, around);

    EXPECT_EQ(ran.code, 3);
    EXPECT_THAT(ran.err,
                HasSubstr("--idempotency-key " + khud.requests().at(0).header("Idempotency-Key")));
}

TEST(Submit, ARefusalIsPrintedWithNumbersRemedyAndCode) {
    const FakeKhud khud([](const FakeRequest&) {
        return problem(422, "A104", "grant_too_small",
                       R"([{"key":"grant","value":"DN-2026-0107"},)"
                       R"({"key":"granted_ugs","value":144000000000},)"
                       R"({"key":"needed_ugs","value":230400000000},)"
                       R"({"key":"gpus","value":8},{"key":"limit_s","value":28800}])");
    });

    const Ran ran = run_khu({"submit", "-g", "8", "-t", "8h", "--", "train"}, at(khud));

    EXPECT_EQ(ran.code, 1);
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(
        ran.err,
        "khu: job refused: grant DN-2026-0107 is 40.0 GPU-hours in all and this job holds "
        "64.0 GPU-hours (8 GPUs x 8h limit)\n"
        "     Ask for a shorter --time or fewer GPUs, or for a larger grant: khu grant request\n"
        "     A104 grant_too_small\n");
}

TEST(Submit, TheSameRefusalInVietnamese) {
    const FakeKhud khud([](const FakeRequest&) {
        return problem(
            404, "A133", "unknown_name",
            R"([{"key":"what","value":"partition"},{"key":"name","value":"gpu-h10"},)"
            R"({"key":"known","value":"gpu-h100"},{"key":"nearest","value":"gpu-h100"}])");
    });
    Surroundings around = at(khud);
    around.env["KHU_LANG"] = "vi";

    const Ran ran = run_khu({"submit", "-p", "gpu-h10", "true"}, around);

    EXPECT_THAT(ran.err, HasSubstr("khu: tác vụ bị từ chối: partition gpu-h10 không tồn tại"));
    EXPECT_THAT(ran.err, HasSubstr("Có phải bạn muốn gpu-h100?"));
    EXPECT_EQ(khud.requests().at(0).header("Accept-Language"), "vi");
}

TEST(Submit, ACodeOfANewerKhudIsPrintedInItsOwnWords) {
    const FakeKhud khud([](const FakeRequest&) {
        return problem(422, "A199", "too_green", "[]", "the moon is wrong");
    });

    const Ran ran = run_khu({"submit", "true"}, at(khud));

    EXPECT_EQ(ran.code, 1);
    EXPECT_EQ(ran.err, "khu: job refused: the moon is wrong\n     A199 too_green\n");
}

TEST(Submit, AFaultOfTheZoneIsNoRefusal) {
    const FakeKhud khud([](const FakeRequest&) {
        return problem(503, "L209", "store_full", R"([{"key":"why","value":"disk full"}])");
    });

    const Ran ran = run_khu({"submit", "true"}, at(khud));

    EXPECT_EQ(ran.code, 4);
    EXPECT_THAT(ran.err, HasSubstr("L209 store_full"));
}

TEST(Submit, AScriptIsSentWholeAndRunsOnceByDefault) {
    const FakeKhud khud([](const FakeRequest&) { return http(201, kMade); });
    const Folder folder;
    const std::string script = folder.file("train.sh", "#!/bin/sh\necho \"hi\"\n");

    const Ran ran = run_khu({"submit", script}, at(khud));

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(khud.requests().at(0).body, HasSubstr(R"("script":"#!/bin/sh\necho \"hi\"\n")"));
    EXPECT_THAT(khud.requests().at(0).body, HasSubstr(R"("argv":[])"));
    EXPECT_THAT(khud.requests().at(0).body, HasSubstr(R"("launcher":"script")"));
}

TEST(Submit, ScriptsThatCannotBeSentAreRefusedBeforeAnythingIs) {
    const FakeKhud khud([](const FakeRequest&) { return http(201, kMade); });
    const Folder folder;
    const std::string large = folder.file("large.sh", "#!/bin/sh\n" + std::string(5 << 20, '#'));
    const std::string binary = folder.file("binary.sh", std::string("#!/bin/sh\n\0\1", 12));
    const std::string plain = folder.file("plain.sh", "echo hi\n");

    EXPECT_THAT(run_khu({"submit", large}, at(khud)).err,
                HasSubstr("the script is 5242890 B, the limit is 4 MiB"));
    EXPECT_THAT(run_khu({"submit", binary}, at(khud)).err, HasSubstr("zero byte at 10"));
    EXPECT_THAT(run_khu({"submit", plain}, at(khud)).err, HasSubstr("does not begin with #!"));
    EXPECT_THAT(run_khu({"submit", folder.path()}, at(khud)).err, HasSubstr("Is a directory"));
    EXPECT_THAT(run_khu({"submit", "/nowhere/x.sh"}, at(khud)).err,
                HasSubstr("No such file or directory"));
    EXPECT_EQ(run_khu({"submit", plain}, at(khud)).code, 1);
    EXPECT_TRUE(khud.requests().empty());
}

TEST(Submit, TheLinesOfAScriptCountAndTheCommandLineWins) {
    const FakeKhud khud([](const FakeRequest&) { return http(201, kMade); });
    const Folder folder;
    const std::string script = folder.file("train.sh",
                                           "#!/bin/bash\n#SBATCH --nodes=4 --mail-type=END\n"
                                           "#SBATCH --time=30\n#KHU --nodes 3 -g 8:h100\n"
                                           "echo hi\n#KHU --nodes 9\n");

    const Ran ran = run_khu({"submit", "-g", "2", script}, at(khud));

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(khud.requests().at(0).body, HasSubstr(R"("nodes":3,"gpus_per_node":2)"));
    EXPECT_THAT(khud.requests().at(0).body, HasSubstr(R"("time_limit_s":1800)"));
    EXPECT_THAT(ran.err, HasSubstr("train.sh:2: --mail-type=END is not honoured: "));
    EXPECT_EQ(ran.out, "Submitted job 12\n");
}

TEST(Submit, AWrongLineOfAScriptIsRefusedWithItsPlace) {
    const FakeKhud khud([](const FakeRequest&) { return http(201, kMade); });
    const Folder folder;
    const std::string script = folder.file(
        "train.sh", "#!/bin/bash\n#KHU --nodse 3\n#KHU --time 5x\n#KHU --container x\n");

    const Ran ran = run_khu({"submit", script}, at(khud));

    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr("train.sh:2:"));
    EXPECT_THAT(ran.err, HasSubstr("nodes"));
    EXPECT_THAT(ran.err, HasSubstr("train.sh:3:"));
    EXPECT_THAT(ran.err, HasSubstr("train.sh:4:"));
    EXPECT_TRUE(khud.requests().empty());
}

TEST(Submit, AJobFileSaysTheSameByTheLongNames) {
    const FakeKhud khud([](const FakeRequest&) { return http(201, kMade); });
    const Folder folder;
    const std::string good = folder.file("job.yaml",
                                         "name: train\nnodes: 2\ngpus-per-node: 8:h100\n"
                                         "time: 2h30m\nlauncher: torch\nrequeue: false\n"
                                         "env: {A: \"4\"}\ncommand: [python3, train.py]\n");
    const std::string bad = folder.file("bad.yaml", "noeds: 2\ncommand: [x]\n");

    const Ran ran = run_khu(
        {
            "submit",
            good,
        },
        at(khud));
    const Ran refused = run_khu({"submit", bad}, at(khud));

    EXPECT_EQ(ran.code, 0) << ran.err;
    ASSERT_EQ(khud.requests().size(), 1U);
    for (const char* part :
         {R"("name":"train")", R"("nodes":2,"gpus_per_node":8)", R"("launcher":"torch")",
          R"("requeue":false)", R"("env":{"A":"4"})", R"("argv":["python3","train.py"])"}) {
        EXPECT_THAT(khud.requests().at(0).body, HasSubstr(part));
    }
    EXPECT_EQ(refused.code, 1);
    EXPECT_THAT(refused.err, HasSubstr("bad.yaml:1:1: P007"));
}

TEST(Submit, AlternativesAreReadFromTheirFileAndSentWhole) {
    const FakeKhud khud([](const FakeRequest&) { return http(201, kMade); });
    const Folder folder;
    const std::string ways = folder.file("ways.yaml",
                                         "- {partition: gpu-a100, gpus-per-node: 4}\n"
                                         "- {partition: gpu-l40, gpus-per-node: 8, time: 3h}\n");
    const std::string bad = folder.file("bad.yaml", "- {nodes: 1}\n- {noeds: 2}\n");

    const Ran ran = run_khu({"submit", "--any-of", ways, "-t", "2h", "--", "train"}, at(khud));
    const Ran refused = run_khu({"submit", "--any-of", bad, "train"}, at(khud));
    const Ran missing = run_khu({"submit", "--any-of", "/no/such/file", "train"}, at(khud));

    EXPECT_EQ(ran.code, 0) << ran.err;
    ASSERT_EQ(khud.requests().size(), 1U);
    EXPECT_THAT(khud.requests().at(0).body,
                HasSubstr(R"("any_of":[{"partition":"gpu-a100","nodes":1,"gpus_per_node":4)"));
    EXPECT_THAT(khud.requests().at(0).body,
                HasSubstr(R"({"partition":"gpu-l40","nodes":1,"gpus_per_node":8)"));
    EXPECT_THAT(khud.requests().at(0).body, HasSubstr(R"("time_limit_s":10800)"));
    EXPECT_EQ(refused.code, 1);
    EXPECT_THAT(refused.err, HasSubstr("bad.yaml:2:4: P007 any-of[2].noeds"));
    EXPECT_EQ(missing.code, 1);
    EXPECT_THAT(missing.err, HasSubstr("J313"));
}

TEST(Submit, ValuesThatAreNotUnderstoodSayWhatToWrite) {
    const FakeKhud khud([](const FakeRequest&) { return http(201, kMade); });

    const Ran ran = run_khu({"submit", "--mem", "64", "true"}, at(khud));

    EXPECT_EQ(ran.code, 2);
    EXPECT_THAT(ran.err, HasSubstr("khu: --mem \"64\" is not understood\n     "));
    EXPECT_THAT(ran.err, HasSubstr("unit"));
    EXPECT_TRUE(khud.requests().empty());
}

TEST(Submit, WaitGivesTheJobsOwnExitCode) {
    const FakeKhud khud([](const FakeRequest& request) {
        if (request.method == "POST") {
            return http(201, kMade);
        }
        return http(200, R"({"job":12,"phase":"done","cause":"user_error","exit_code":7})");
    });

    const Ran ran = run_khu({"submit", "--wait", "false"}, at(khud));

    EXPECT_EQ(ran.code, 7);
    EXPECT_EQ(ran.out, "Submitted job 12\n");
    EXPECT_THAT(ran.err, HasSubstr("job 12 ended by user_error, exit code 7"));
}

TEST(Submit, QuoteSubmitsNothingAndSaysWhoPays) {
    const FakeKhud khud([](const FakeRequest&) {
        return http(200, R"({"admitted":true,"affordable":true,"hold_ugs":230400000000,)"
                         R"("list_mvnd":1728000000,"split":[{"payer":"nat","kind":"national",)"
                         R"("amount_mvnd":864000000}],"grants":[]})");
    });

    const Ran ran = run_khu({"submit", "--quote", "-g", "8", "true"}, at(khud));

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(khud.requests().at(0).target, "/v1/quote");
    EXPECT_THAT(ran.out, HasSubstr("Holds GPU-hours"));
    EXPECT_THAT(ran.out, HasSubstr("1,728,000 đ"));
    EXPECT_THAT(ran.out, Not(HasSubstr("Submitted")));
}

}  // namespace
}  // namespace khu::cli::test
