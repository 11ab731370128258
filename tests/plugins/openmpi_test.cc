#include "plugins/openmpi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/plugins/requests.h"

namespace khu::plugins {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

LaunchPlan mpi_plan(const LaunchRequest& request) {
    return OpenMpiLauncher().plan(request).value();
}

std::string file_of(const LaunchPlan& plan, const std::string& path) {
    for (const PlannedFile& file : plan.files) {
        if (file.path == path) {
            EXPECT_EQ(file.mode & 077, 0U) << path << " is for the job's user only";
            return file.content;
        }
    }
    return "(no such file)";
}

TEST(OpenMpi, GoldenCommandOfTheHeadNode) {
    const LaunchPlan plan = mpi_plan(the_request());

    EXPECT_TRUE(plan.runs_here);
    ASSERT_EQ(plan.argv.size(), 15U);
    const std::vector<std::string> start(plan.argv.begin(), plan.argv.begin() + 10);
    EXPECT_THAT(start, ElementsAre("mpirun", "-np", "6", "--rankfile", "/spool/42.3/job/rankfile",
                                   "--mca", "rmaps_rank_file_physical", "1", "/bin/sh", "-c"));
    const std::vector<std::string> rest(plan.argv.begin() + 11, plan.argv.end());
    EXPECT_THAT(rest, ElementsAre("khu-rank", "./train", "--epochs", "3"));
    ASSERT_EQ(plan.tasks.size(), 1U);
    EXPECT_THAT(plan.tasks[0].cores, ElementsAre(4, 5, 6, 7));
}

TEST(OpenMpi, BindsEachRankToExactlyThePlacedCores) {
    EXPECT_EQ(file_of(mpi_plan(the_request()), "rankfile"),
              "rank 0=gn01 slot=4,5\n"
              "rank 1=gn01 slot=6,7\n"
              "rank 2=gn02 slot=0\n"
              "rank 3=gn02 slot=1\n"
              "rank 4=gn02 slot=2\n"
              "rank 5=gn02 slot=3\n");
}

TEST(OpenMpi, BindsNothingWhenTheCoresAreOfAnotherMachine) {
    LaunchRequest request = the_request();
    request.bind_cores = false;

    const LaunchPlan plan = mpi_plan(request);

    EXPECT_EQ(file_of(plan, "rankfile"), "(no such file)");
    EXPECT_EQ(plan.argv.at(3), "/bin/sh");
    EXPECT_EQ(plan.env.at("OMPI_MCA_hwloc_base_binding_policy"), "none");
}

TEST(OpenMpi, GivesABareMpirunTheWholeAllocationAndNothingElse) {
    const LaunchPlan plan = ScriptLauncher().plan(the_request()).value();

    EXPECT_EQ(file_of(plan, "hostfile"), "gn01 slots=2\ngn02 slots=4\n");
    EXPECT_EQ(file_of(plan, "peers"), "gn01 10.1.0.1 7001\ngn02 10.1.0.2 7002\n");
    EXPECT_EQ(file_of(plan, "token"), "secret");
    EXPECT_EQ(file_of(plan, "zone-ca.pem"), the_request().rsh_ca);
    std::map<std::string, std::string> ours;
    for (const auto& [name, value] : plan.env) {
        if (name.starts_with("OMPI_") || name.starts_with("KHU_RSH")) {
            ours[name] = value;
        }
    }
    const std::map<std::string, std::string> golden{
        {"KHU_RSH_CA", "/spool/42.3/job/zone-ca.pem"},
        {"KHU_RSH_PEERS", "/spool/42.3/job/peers"},
        {"KHU_RSH_TOKEN", "/spool/42.3/job/token"},
        {"OMPI_MCA_btl", "self,vader,tcp"},
        {"OMPI_MCA_btl_tcp_if_include", "10.1.0.0/16"},
        {"OMPI_MCA_btl_vader_backing_directory", "/dev/shm/khu-42.3"},
        {"OMPI_MCA_hwloc_base_binding_policy", "none"},
        {"OMPI_MCA_oob_tcp_if_include", "10.1.0.0/16"},
        {"OMPI_MCA_orte_default_hostfile", "/spool/42.3/job/hostfile"},
        {"OMPI_MCA_plm", "rsh"},
        {"OMPI_MCA_ras", "^slurm"},
        {"OMPI_MCA_plm_rsh_agent", "/usr/lib/khu/khu-rsh"},
        {"OMPI_MCA_pml", "ob1"},
    };
    EXPECT_EQ(ours, golden);
}

TEST(OpenMpi, OtherNodesOnlyWaitForRemoteSteps) {
    LaunchRequest request = the_request();
    request.node_rank = 1;
    for (const khu::Launcher kind : {khu::Launcher::Mpi, khu::Launcher::Script}) {
        const LaunchPlan plan = launcher_for(kind).plan(request).value();

        EXPECT_FALSE(plan.runs_here);
        EXPECT_THAT(plan.argv, IsEmpty());
        EXPECT_THAT(plan.tasks, IsEmpty());
        EXPECT_THAT(plan.cores, ElementsAre(0, 1, 2, 3));
        EXPECT_EQ(plan.env.at("KHU_NODE_RANK"), "1");
        EXPECT_EQ(file_of(plan, "token"), "secret");
    }
}

TEST(OpenMpi, ASiteMayTurnUcxOnButNobodyMayLeaveTheAllocation) {
    LaunchRequest request = the_request();
    request.env = {{"OMPI_MCA_pml", "ucx"},
                   {"OMPI_MCA_orte_default_hostfile", "/etc/all-hosts"},
                   {"OMPI_MCA_plm_rsh_agent", "ssh"}};

    const LaunchPlan plan = mpi_plan(request);

    EXPECT_EQ(plan.env.at("OMPI_MCA_pml"), "ucx");
    EXPECT_EQ(plan.env.at("OMPI_MCA_orte_default_hostfile"), "/spool/42.3/job/hostfile");
    EXPECT_EQ(plan.env.at("OMPI_MCA_plm_rsh_agent"), "/usr/lib/khu/khu-rsh");
}

TEST(OpenMpi, WaitingRanksYieldWhenTheyShareCores) {
    LaunchRequest request = the_request();
    request.oversubscribed = true;

    EXPECT_EQ(mpi_plan(request).env.at("OMPI_MCA_mpi_yield_when_idle"), "1");
    EXPECT_FALSE(mpi_plan(the_request()).env.contains("OMPI_MCA_mpi_yield_when_idle"));
}

TEST(OpenMpi, RunsAsRootOnlyWhenTheJobIsRoots) {
    LaunchRequest request = the_request();
    EXPECT_FALSE(mpi_plan(request).env.contains("OMPI_ALLOW_RUN_AS_ROOT"));

    request.run_as_root = true;
    EXPECT_EQ(mpi_plan(request).env.at("OMPI_ALLOW_RUN_AS_ROOT"), "1");
    EXPECT_EQ(mpi_plan(request).env.at("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"), "1");
}

TEST(OpenMpi, WithoutATokenThereAreNoRemoteSteps) {
    LaunchRequest request = the_request();
    request.rsh_token.clear();

    const LaunchPlan plan = mpi_plan(request);

    EXPECT_FALSE(plan.env.contains("OMPI_MCA_plm_rsh_agent"));
    EXPECT_EQ(file_of(plan, "token"), "(no such file)");
}

TEST(ScriptLauncher, TheScriptItselfIsProcessZero) {
    LaunchRequest request = the_request();
    request.argv.clear();
    request.script = "#!/bin/bash\nmpirun ./train\n";

    const LaunchPlan plan = ScriptLauncher().plan(request).value();

    EXPECT_THAT(plan.argv, ElementsAre("/bin/bash", "/spool/42.3/job/script"));
    ASSERT_EQ(plan.tasks.size(), 1U);
    EXPECT_EQ(plan.tasks[0].env.at("SLURM_PROCID"), "0");
}

}  // namespace
}  // namespace khu::plugins
