#include "config/job_file.h"

#include <gtest/gtest.h>

namespace khu::config {
namespace {

const JobClock morning{Moment{1772413200000}, 420};

JobFile job(std::string_view text) {
    auto read = read_job_file(text, "job.yaml", morning);
    if (!read) {
        ADD_FAILURE() << show(read.error()[0], Language::English);
        return {};
    }
    return std::move(*read);
}

std::vector<std::string> complaints(std::string_view text) {
    const auto read = read_job_file(text, "job.yaml", morning);
    std::vector<std::string> lines;
    if (!read) {
        for (const Complaint& complaint : read.error()) {
            lines.push_back(show(complaint, Language::English));
        }
    }
    return lines;
}

std::string complaint(std::string_view text) {
    const std::vector<std::string> lines = complaints(text);
    EXPECT_EQ(lines.size(), 1U);
    return lines.empty() ? "" : lines[0];
}

TEST(JobFile, SaysAWholeJob) {
    const JobFile file = job(R"(
name: train
nodes: 2
gpus-per-node: 8:h100
cores-per-task: 4
tasks-per-node: 8
mem: 64G
time: 2h30m
partition: gpu-h100
programme: kn-80
launcher: mpi
within: rack
signal: USR1@120
requeue: false
hold: true
begin: now+1h
chdir: /data/train
env: {OMP_NUM_THREADS: "4", EMPTY: ""}
command: [python3, train.py, --epochs, "3"]
)");
    const JobSpec& spec = file.submission.spec;
    EXPECT_EQ(spec.name, "train");
    EXPECT_EQ(spec.nodes, 2);
    EXPECT_EQ(spec.shape.gpus, 8);
    EXPECT_EQ(spec.shape.gpu_model, GpuModel("h100"));
    EXPECT_EQ(spec.shape.cores, 32);
    EXPECT_EQ(spec.shape.memory, gibibytes(64));
    EXPECT_EQ(spec.time_limit, minutes(150));
    EXPECT_EQ(spec.programme, ProgrammeId("kn-80"));
    EXPECT_EQ(spec.launcher, Launcher::Mpi);
    EXPECT_EQ(spec.within, "rack");
    EXPECT_EQ(spec.notice_signal, 10);
    EXPECT_EQ(spec.notice_seconds, 120);
    EXPECT_FALSE(spec.requeue);
    EXPECT_TRUE(spec.held);
    EXPECT_EQ(spec.not_before, morning.now + hours(1));
    EXPECT_EQ(file.submission.payload.argv,
              (std::vector<std::string>{"python3", "train.py", "--epochs", "3"}));
    EXPECT_EQ(file.submission.payload.env.at("EMPTY"), "");
    EXPECT_EQ(file.options[0], (JobOption{"name", "train", {2, 7}}));
}

TEST(JobFile, MayCarryTheScriptItself) {
    const JobFile file = job("time: 90\nscript: |\n  #!/bin/sh\n  hostname\n");
    EXPECT_EQ(file.script, "#!/bin/sh\nhostname\n");
    EXPECT_EQ(file.submission.spec.time_limit, minutes(90));
}

TEST(JobFile, NeedsExactlyOneOfCommandAndScript) {
    EXPECT_EQ(complaint("nodes: 1\n"),
              "job.yaml:1:1: P004 command: exactly one of command and script is required");
    EXPECT_EQ(complaint("command: [a]\nscript: \"#!/bin/sh\"\n"),
              "job.yaml:1:1: P004 script: exactly one of command and script is required");
    EXPECT_EQ(complaint("command: []\n"),
              "job.yaml:1:10: P004 command: at least one word is required");
}

TEST(JobFile, RefusesUnknownKeysWithTheNearest) {
    EXPECT_EQ(complaint("command: [a]\ngpu-per-node: 1\n"),
              "job.yaml:2:1: P007 gpu-per-node: unknown key; did you mean 'gpus-per-node'?");
}

TEST(JobFile, RefusesWhatComesInALaterReleaseByName) {
    EXPECT_EQ(complaint("command: [a]\ncontainer: x\n").substr(0, 28),
              "job.yaml:2:12: P019 containe");
}

TEST(JobFile, RefusesBadRulesWithTheirPlace) {
    for (const char* bad : {"5-1", "1-", "1-10%0", "1-10:0", "-3", "1-100001", "1,,2", "a"}) {
        EXPECT_EQ(complaint(std::string("command: [a]\narray: '") + bad + "'\n").substr(0, 18),
                  "job.yaml:2:8: P008")
            << bad;
    }
    EXPECT_EQ(complaint("command: [a]\nafter: 12,,13\n").substr(0, 22), "job.yaml:2:8: P008 aft");
    EXPECT_EQ(complaint("command: [a]\nsegment: 12\n").substr(0, 22), "job.yaml:2:10: P008 se");
    EXPECT_EQ(complaint("command: [a]\nsegment: 0@rack\n").substr(0, 19), "job.yaml:2:10: P008");
    EXPECT_EQ(complaint("command: [a]\ninclude: gn[3-1]\n").substr(0, 19), "job.yaml:2:10: P031");
    for (const char* bad : {"eda=0", "eda=", "=2", "EDA", "eda=2,,bench", "eda=100001", "eda:2"}) {
        EXPECT_EQ(complaint(std::string("command: [a]\nresource: '") + bad + "'\n").substr(0, 19),
                  "job.yaml:2:11: P008")
            << bad;
    }
    EXPECT_EQ(complaint("command: [a]\nfeatures: NVME\n").substr(0, 19), "job.yaml:2:11: P008");
}

TEST(JobFile, RefusesBadValuesWithTheirPlace) {
    EXPECT_EQ(complaint("command: [a]\nnodes: 010\n"),
              "job.yaml:2:8: P011 nodes: '010': a plain decimal integer is expected");
    EXPECT_EQ(complaint("command: [a]\nnodes: 0\n"),
              "job.yaml:2:8: P012 nodes: must be more than 0");
    EXPECT_EQ(complaint("command: [a]\nmem: 64\n").substr(0, 22), "job.yaml:2:6: P010 mem");
    EXPECT_EQ(complaint("command: [a]\nhold: yes\n"),
              "job.yaml:2:7: P018 hold: true or false is expected");
    EXPECT_EQ(complaint("command: a\n").substr(0, 27), "job.yaml:1:10: P017 command");
    EXPECT_EQ(complaint("command: [a]\nlauncher: mpy\n"),
              "job.yaml:2:11: P018 launcher: 'mpy' is none of: script, mpi, torch, fork; did you "
              "mean 'mpi'?");
    EXPECT_EQ(complaint("script: echo hi\n").substr(0, 26), "job.yaml:1:9: P008 script:");
    EXPECT_EQ(complaint("command: [a]\nnodes: 1\nnodes: 2\n"),
              "job.yaml:3:1: P003 nodes: already set at line 2");
    EXPECT_EQ(complaint("command: [a]\ncores-per-task: 4096\ntasks-per-node: 2\n").substr(0, 19),
              "job.yaml:1:1: P011 ");
}

TEST(JobFile, FindsEveryProblemInOneRun) {
    EXPECT_EQ(complaints("comand: [a]\nnodes: -1\ntime: 1.5h\nenv: {\"A=B\": c}\n").size(), 4U);
}

TEST(JobFile, RefusesOtherTexts) {
    EXPECT_EQ(complaint("").substr(0, 18), "job.yaml:1:1: P002");
    EXPECT_EQ(complaint("- a").substr(0, 18), "job.yaml:1:1: P017");
    EXPECT_NE(complaint("a: [").find("P000"), std::string::npos);
    EXPECT_EQ(complaint(std::string(5 << 20, 'a')).substr(0, 18), "job.yaml:1:1: P006");
}

TEST(JobFile, HasAlternativesThatDifferFromTheJob) {
    const JobFile file = job(R"(
nodes: 2
gpus-per-node: 8:h100
tasks-per-node: 8
time: 2h
any-of:
  - {}
  - {partition: gpu-l4, nodes: 4, time: 5h}
  - {gpus-per-node: 4:l40, partition: gpu-l40, cores-per-task: 2, exclusive: true}
command: [train]
)");
    const auto ways = whole_alternatives(file.submission);
    ASSERT_TRUE(ways);
    ASSERT_EQ(ways->size(), 3U);
    EXPECT_EQ((*ways)[0].spec, file.submission.spec);
    const JobSpec& second = (*ways)[1].spec;
    EXPECT_EQ(second.nodes, 4);
    EXPECT_EQ(second.shape.gpus, 8);
    EXPECT_TRUE(second.shape.gpu_model.empty());  // The other partition has another.
    EXPECT_EQ(second.time_limit, hours(5));
    const JobSpec& third = (*ways)[2].spec;
    EXPECT_EQ(third.shape.gpu_model, GpuModel{"l40"});
    EXPECT_EQ(third.shape.cores, 16);
    EXPECT_TRUE(third.shape.exclusive);
    EXPECT_EQ(job("any_of: [{nodes: 2}, {nodes: 1}]\ncommand: [x]").submission.any_of.size(), 2U);
}

TEST(JobFile, SaysWhereAnAlternativeIsWrong) {
    EXPECT_EQ(complaint("command: [x]\nany-of: ways.yaml").substr(0, 22), "job.yaml:2:9: P017 any");
    EXPECT_EQ(complaint("command: [x]\nany-of:\n  - {noeds: 2}").substr(0, 71),
              "job.yaml:3:6: P007 any-of[1].noeds: unknown key; did you mean 'nodes'?");
    EXPECT_EQ(complaint("command: [x]\nany-of:\n  - {nodes: 2}\n  - {qos: gap}").substr(0, 34),
              "job.yaml:4:6: P007 any-of[2].qos: ");
    EXPECT_EQ(complaint("command: [x]\nany-of:\n  - {nodes: two}").substr(0, 36),
              "job.yaml:3:13: P011 any-of[1].nodes:");
    EXPECT_EQ(complaint("command: [x]\nany-of: [" + std::string("{}, {}, {}, ") +
                        "{}, {}, {}, {}, {}, {}]")
                  .substr(0, 25),
              "job.yaml:2:9: P011 any-of");
    EXPECT_EQ(complaint("command: [x]\nany-of: [{nodes: [1]}]").substr(0, 19),
              "job.yaml:2:18: P017");
}

}  // namespace
}  // namespace khu::config
