#include "plugins/launcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "plugins/environment.h"
#include "plugins/openmpi.h"
#include "tests/plugins/requests.h"

namespace khu::plugins {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

LaunchPlan plan_of(khu::Launcher kind, const LaunchRequest& request) {
    Expected<LaunchPlan, Refusal> plan = launcher_for(kind).plan(request);
    EXPECT_TRUE(plan) << text(plan.error(), Language::English);
    return std::move(plan).value();
}

std::string refusal_of(const LaunchRequest& request) {
    const auto plan = launcher_for(khu::Launcher::Fork).plan(request);
    return plan ? "planned" : text(plan.error(), Language::English);
}

LaunchRequest on_second_node() {
    LaunchRequest request = the_request();
    request.node_rank = 1;
    return request;
}

TEST(Launchers, AreFoundByTheKindOfTheSpec) {
    EXPECT_EQ(launcher_for(khu::Launcher::Script).name(), "script");
    EXPECT_EQ(launcher_for(khu::Launcher::Mpi).name(), "mpi");
    EXPECT_EQ(launcher_for(khu::Launcher::Torch).name(), "torch");
    EXPECT_EQ(launcher_for(khu::Launcher::Fork).name(), "fork");
}

TEST(ForkLauncher, GoldenEnvironmentOfTheSecondNode) {
    const Environment golden{
        {"CUDA_VISIBLE_DEVICES", "GPU-c"},
        {"HOME", "/home/u-3f2a"},
        {"KHU_ATTEMPT", "3"},
        {"KHU_CHECKPOINT_DIR", "/ckpt/42"},
        {"KHU_CHECKPOINT_FILE", "/spool/42.3/job/checkpoint"},
        {"KHU_CORES", "0-3"},
        {"KHU_DEADLINE", "1772416800"},
        {"KHU_ENTERPRISE", "sao-mai"},
        {"KHU_GPUS", "1"},
        {"KHU_JOB_ID", "42"},
        {"KHU_NODELIST", "gn01,gn02"},
        {"KHU_NODE_COUNT", "2"},
        {"KHU_NODE_NAME", "gn02"},
        {"KHU_NODE_RANK", "1"},
        {"KHU_RESTART_COUNT", "2"},
        {"KHU_STOP_FILE", "/spool/42.3/job/stop"},
        {"KHU_WORLD_SIZE", "6"},
        {"KHU_ZONE", "dn-cvpm2"},
        {"LANG", "C.UTF-8"},
        {"LOCAL_WORLD_SIZE", "4"},
        {"LOGNAME", "u-3f2a"},
        {"MASTER_ADDR", "10.1.0.1"},
        {"MASTER_PORT", "10042"},
        {"OMP_NUM_THREADS", "1"},
        {"PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"},
        {"SHELL", "/bin/sh"},
        {"SLURMD_NODENAME", "gn02"},
        {"SLURM_CLUSTER_NAME", "dn-cvpm2"},
        {"SLURM_CPUS_ON_NODE", "4"},
        {"SLURM_CPUS_PER_TASK", "1"},
        {"SLURM_GPUS_ON_NODE", "1"},
        {"SLURM_JOBID", "42"},
        {"SLURM_JOB_END_TIME", "1772416800"},
        {"SLURM_JOB_GPUS", "1"},
        {"SLURM_JOB_ID", "42"},
        {"SLURM_JOB_NAME", "train"},
        {"SLURM_JOB_NODELIST", "gn[01-02]"},
        {"SLURM_JOB_NUM_NODES", "2"},
        {"SLURM_JOB_PARTITION", "gpu-h100"},
        {"SLURM_JOB_USER", "u-3f2a"},
        {"SLURM_MEM_PER_NODE", "65536"},
        {"SLURM_NNODES", "2"},
        {"SLURM_NODEID", "1"},
        {"SLURM_NODELIST", "gn[01-02]"},
        {"SLURM_NPROCS", "6"},
        {"SLURM_NTASKS", "6"},
        {"SLURM_RESTART_COUNT", "2"},
        {"SLURM_SUBMIT_DIR", "/data/run"},
        {"SLURM_TASKS_PER_NODE", "2,4"},
        {"TMPDIR", "/tmp/khu-42.3"},
        {"USER", "u-3f2a"},
        {"WORLD_SIZE", "6"},
    };

    EXPECT_EQ(plan_of(khu::Launcher::Fork, on_second_node()).env, golden);
}

TEST(ForkLauncher, StartsOneProcessForEachTaskOnItsOwnCores) {
    const LaunchPlan plan = plan_of(khu::Launcher::Fork, the_request());

    EXPECT_TRUE(plan.runs_here);
    EXPECT_THAT(plan.argv, ElementsAre("./train", "--epochs", "3"));
    ASSERT_EQ(plan.tasks.size(), 2U);
    EXPECT_THAT(plan.tasks[0].cores, ElementsAre(4, 5));
    EXPECT_THAT(plan.tasks[1].cores, ElementsAre(6, 7));
    EXPECT_THAT(plan.cores, ElementsAre(4, 5, 6, 7));
    EXPECT_THAT(plan.files, IsEmpty());
}

TEST(ForkLauncher, RanksCountOnThroughTheNodes) {
    const LaunchPlan plan = plan_of(khu::Launcher::Fork, on_second_node());

    ASSERT_EQ(plan.tasks.size(), 4U);
    const Environment golden{{"KHU_LOCAL_RANK", "3"}, {"KHU_RANK", "5"},
                             {"LOCAL_RANK", "3"},     {"RANK", "5"},
                             {"SLURM_LOCALID", "3"},  {"SLURM_PROCID", "5"}};
    EXPECT_EQ(plan.tasks[3].env, golden);
    EXPECT_EQ(plan.tasks[3].rank, 5);
}

TEST(ForkLauncher, GivesAllCoresToEachTaskWhenThereAreFewerCoresThanTasks) {
    LaunchRequest request = on_second_node();
    request.hosts[1].cores = {0, 1};

    const LaunchPlan plan = plan_of(khu::Launcher::Fork, request);

    EXPECT_THAT(plan.tasks[0].cores, ElementsAre(0, 1));
    EXPECT_EQ(plan.env.at("OMP_NUM_THREADS"), "1");
}

TEST(ForkLauncher, BindsNothingWhenTheCoresAreOfAnotherMachine) {
    LaunchRequest request = the_request();
    request.bind_cores = false;

    const LaunchPlan plan = plan_of(khu::Launcher::Fork, request);

    EXPECT_THAT(plan.cores, IsEmpty());
    EXPECT_THAT(plan.tasks[1].cores, IsEmpty());
    EXPECT_EQ(plan.env.at("KHU_CORES"), "4-7");
}

TEST(Environment, UsersMayChangeDefaultsButNotFacts) {
    LaunchRequest request = the_request();
    request.env = {{"OMP_NUM_THREADS", "7"}, {"PATH", "/opt/bin"},
                   {"HOME", "/elsewhere"},   {"KHU_JOB_ID", "1"},
                   {"SLURM_JOB_ID", "1"},    {"CUDA_VISIBLE_DEVICES", "0,1,2"},
                   {"USER", "root"},         {"DATA", "/data"}};

    const Environment env = plan_of(khu::Launcher::Fork, request).env;

    EXPECT_EQ(env.at("OMP_NUM_THREADS"), "7");
    EXPECT_EQ(env.at("PATH"), "/opt/bin");
    EXPECT_EQ(env.at("HOME"), "/elsewhere");
    EXPECT_EQ(env.at("DATA"), "/data");
    EXPECT_EQ(env.at("KHU_JOB_ID"), "42");
    EXPECT_EQ(env.at("SLURM_JOB_ID"), "42");
    EXPECT_EQ(env.at("CUDA_VISIBLE_DEVICES"), "GPU-a,GPU-b");
    EXPECT_EQ(env.at("USER"), "u-3f2a");
}

TEST(Environment, AJobWithoutGpusSeesNone) {
    LaunchRequest request = the_request();
    request.hosts[0].gpus.clear();

    const Environment env = plan_of(khu::Launcher::Fork, request).env;

    EXPECT_EQ(env.at("CUDA_VISIBLE_DEVICES"), "");
    EXPECT_EQ(env.at("KHU_GPUS"), "");
    EXPECT_FALSE(env.contains("SLURM_JOB_GPUS"));
}

TEST(Environment, NamesGpusByIndexWhenOneHasNoUuid) {
    LaunchRequest request = the_request();
    request.hosts[0].gpus[1].uuid.clear();

    EXPECT_EQ(plan_of(khu::Launcher::Fork, request).env.at("CUDA_VISIBLE_DEVICES"), "0,3");
}

TEST(Environment, ArrayElementsKnowTheirIndex) {
    LaunchRequest request = the_request();
    request.array_index = 3;  // of array 38: its number is 38 + 1 + 3

    const Environment env = plan_of(khu::Launcher::Fork, request).env;

    EXPECT_EQ(env.at("KHU_ARRAY_INDEX"), "3");
    EXPECT_EQ(env.at("SLURM_ARRAY_TASK_ID"), "3");
    EXPECT_EQ(env.at("SLURM_ARRAY_JOB_ID"), "38");
    EXPECT_FALSE(plan_of(khu::Launcher::Fork, the_request()).env.contains("KHU_ARRAY_INDEX"));
}

TEST(Environment, TheSecretTokenIsInNoVariable) {
    for (const khu::Launcher kind :
         {khu::Launcher::Fork, khu::Launcher::Mpi, khu::Launcher::Script}) {
        for (const auto& [name, value] : plan_of(kind, the_request()).env) {
            EXPECT_EQ(value.find("secret"), std::string::npos) << name;
        }
    }
}

TEST(TorchLauncher, AddsWhatTorchrunWouldSet) {
    const LaunchPlan plan = plan_of(khu::Launcher::Torch, on_second_node());

    EXPECT_EQ(plan.env.at("MASTER_ADDR"), "10.1.0.1");
    EXPECT_EQ(plan.env.at("MASTER_PORT"), "10042");
    EXPECT_EQ(plan.env.at("WORLD_SIZE"), "6");
    EXPECT_EQ(plan.env.at("LOCAL_WORLD_SIZE"), "4");
    EXPECT_EQ(plan.env.at("GROUP_RANK"), "1");
    EXPECT_EQ(plan.tasks.at(0).env.at("RANK"), "2");
    EXPECT_EQ(plan.tasks.at(0).env.at("LOCAL_RANK"), "0");
}

TEST(Scripts, AreStartedByTheInterpreterTheyName) {
    LaunchRequest request = the_request();
    request.argv.clear();
    request.script = "#! /usr/bin/env  bash -e \necho $KHU_JOB_ID\n";

    const LaunchPlan plan = plan_of(khu::Launcher::Script, request);

    EXPECT_THAT(plan.argv, ElementsAre("/usr/bin/env", "bash -e", "/spool/42.3/job/script"));
    EXPECT_EQ(plan.files.back().path, "script");
    EXPECT_EQ(plan.files.back().content, request.script);
    EXPECT_EQ(plan.files.back().mode, 0700U);
}

TEST(Scripts, WithoutAnInterpreterGoToTheShell) {
    LaunchRequest request = the_request();
    request.argv.clear();
    for (const char* script : {"echo hello\n", "#!", "#!\n", "#! \t\necho"}) {
        request.script = script;
        EXPECT_THAT(plan_of(khu::Launcher::Fork, request).argv,
                    ElementsAre("/bin/sh", "/spool/42.3/job/script"))
            << script;
    }
}

TEST(Requests, ThatNobodyCanStartAreRefusedByName) {
    LaunchRequest request = the_request();
    request.node_rank = 2;
    EXPECT_EQ(refusal_of(request), "node ? could not start the job: node rank 2 of 2 nodes");

    request = the_request();
    request.argv.clear();
    EXPECT_EQ(refusal_of(request),
              "node gn01 could not start the job: there is no command and no script");

    request = the_request();
    request.script = "echo";
    EXPECT_EQ(refusal_of(request),
              "node gn01 could not start the job: there is a command and a script");

    request = the_request();
    request.hosts[1].name = "gn02 slots=99";
    EXPECT_EQ(refusal_of(request),
              "node gn01 could not start the job: bad host 'gn02 slots=99' with 4 tasks");

    request = the_request();
    request.env["A=B"] = "x";
    EXPECT_EQ(refusal_of(request),
              "node gn01 could not start the job: bad environment variable 'A=B'");

    request = the_request();
    request.argv[1] = std::string("a\0b", 3);
    EXPECT_EQ(refusal_of(request),
              "node gn01 could not start the job: an argument holds a NUL byte");
}

/// On its first node a job of 3 ranks has two MIG slices, on the second one rank has both.
LaunchRequest on_two_slices() {
    LaunchRequest request = the_request();
    for (HostSlice& host : request.hosts) {
        host.gpus = {{.index = 4, .uuid = "MIG-a"}, {.index = 5, .uuid = "MIG-b"}};
    }
    request.hosts[0].tasks = 3;
    request.hosts[1].tasks = 1;
    return request;
}

TEST(Slices, AreDealtOutToTheRanksOfANode) {
    const LaunchRequest request = on_two_slices();

    EXPECT_EQ(node_environment(request).at("CUDA_VISIBLE_DEVICES"), "MIG-a,MIG-b");
    EXPECT_EQ(task_environment(request, 0).at("CUDA_VISIBLE_DEVICES"), "MIG-a");
    EXPECT_EQ(task_environment(request, 1).at("CUDA_VISIBLE_DEVICES"), "MIG-b");
    EXPECT_EQ(task_environment(request, 2).at("CUDA_VISIBLE_DEVICES"), "MIG-a");
    EXPECT_FALSE(task_environment(the_request(), 0).contains("CUDA_VISIBLE_DEVICES"));
    LaunchRequest second = request;
    second.node_rank = 1;
    EXPECT_FALSE(task_environment(second, 0).contains("CUDA_VISIBLE_DEVICES"));
}

/// What a rank that mpirun started would see.
std::string seen_by_rank(const std::string& wrapper, int rank, int ranks, const char* devices) {
    const std::string command = fmt::format(
        "OMPI_COMM_WORLD_LOCAL_RANK={} OMPI_COMM_WORLD_LOCAL_SIZE={} CUDA_VISIBLE_DEVICES={} "
        "/bin/sh -c '{}' khu-rank printenv CUDA_VISIBLE_DEVICES",
        rank, ranks, devices, wrapper);
    FILE* pipe = ::popen(command.c_str(), "r");
    char line[256] = {};
    const bool read = std::fgets(line, sizeof line, pipe) != nullptr;
    ::pclose(pipe);
    return read ? std::string(line) : "nothing\n";
}

TEST(Slices, AreDealtOutByMpirunAsByUs) {
    const LaunchRequest request = on_two_slices();
    const std::vector<std::string> argv = OpenMpiLauncher{}.plan(request)->argv;
    const std::string& wrapper = *(std::ranges::find(argv, "-c") + 1);
    for (int rank = 0; rank < 5; ++rank) {
        HostSlice host = request.hosts[0];
        host.tasks = 5;
        EXPECT_EQ(seen_by_rank(wrapper, rank, 5, "MIG-a,MIG-b"), slice_of_task(host, rank) + "\n");
    }
    EXPECT_EQ(seen_by_rank(wrapper, 0, 1, "MIG-a,MIG-b"), "MIG-a,MIG-b\n");
    EXPECT_EQ(seen_by_rank(wrapper, 1, 2, "MIG-a"), "MIG-a\n");
    EXPECT_EQ(seen_by_rank(wrapper, 1, 2, "GPU-a,GPU-b"), "GPU-a,GPU-b\n");
}

}  // namespace
}  // namespace khu::plugins
