#include "agent/cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include "agent/cgroup_kill.h"
#include "agent/shepherd_plan.h"
#include "agent/standby_group.h"
#include "tests/agent/shepherd_world.h"

namespace khu::agent {
namespace {

using ::testing::ElementsAre;

const AttemptKey the_key{JobId{7}, AttemptNumber{1}};

/// A directory tree that looks like a machine with v2 only, as systemd delegates it: what cannot be
/// had on a machine whose controllers belong to v1.
class FakeUnified : public ::testing::Test {
protected:
    FakeUnified() {
        own_ = directory_ / "cgroup/system.slice/khu-agent.service";
        std::filesystem::create_directories(own_);
        std::ofstream(own_ + "/cgroup.controllers") << "cpuset cpu io memory pids\n";
        std::ofstream(directory_ / "self") << "0::/system.slice/khu-agent.service\n";
        std::ofstream(directory_ / "mountinfo")
            << "30 23 0:26 / " << (directory_ / "cgroup") << " rw,nosuid - cgroup2 cgroup2 rw\n";
        groups_ = ControlGroups::detect("khu-gn01", {.self_cgroup = directory_ / "self",
                                                     .mountinfo = directory_ / "mountinfo"});
    }
    TemporaryDirectory directory_;
    std::string own_;
    ControlGroups groups_ = ControlGroups::none();
};

TEST_F(FakeUnified, IsUsedBelowTheAgentsOwnGroup) {
    EXPECT_EQ(groups_.describe(), "v2: cpuset memory pids");
    EXPECT_TRUE(std::filesystem::exists(own_ + "/khu-gn01"));
    EXPECT_EQ(text_of(own_ + "/cgroup.subtree_control"), "+pids");  // The last of three writes.
}

TEST_F(FakeUnified, WritesTheLimitsOfAnAttempt) {
    const auto paths =
        groups_.make(the_key, {.cores = {0, 1, 5}, .memory = gibibytes(2), .processes_max = 500});

    ASSERT_TRUE(paths);
    const std::string group = own_ + "/khu-gn01/7.1";
    EXPECT_THAT(paths->join, ElementsAre(group + "/cgroup.procs"));
    EXPECT_EQ(paths->memory, group);
    EXPECT_EQ(text_of(group + "/cpuset.cpus"), "0-1,5");
    EXPECT_EQ(text_of(group + "/memory.max"), "2147483648");
    EXPECT_EQ(text_of(group + "/memory.swap.max"), "0");
    EXPECT_EQ(text_of(group + "/pids.max"), "500");
}

TEST_F(FakeUnified, WritesNoLimitThatWasNotAsked) {
    ASSERT_TRUE(groups_.make(the_key, {}));

    EXPECT_TRUE(std::filesystem::is_empty(own_ + "/khu-gn01/7.1"));
}

TEST_F(FakeUnified, ListsAndRemovesTheGroupsOfAttempts) {
    ASSERT_TRUE(groups_.make(the_key, {}));
    EXPECT_THAT(groups_.list(), ElementsAre(the_key));

    EXPECT_TRUE(groups_.remove(the_key));

    EXPECT_TRUE(groups_.list().empty());
}

TEST_F(FakeUnified, AGroupThatIsInUseIsRefusedByItsName) {
    std::filesystem::create_directory(own_ + "/khu-gn01/7.1");
    std::filesystem::create_directory(own_ + "/khu-gn01/7.1/pids.max");

    const auto paths = groups_.make(the_key, {.cores = {}, .memory = {}, .processes_max = 5});

    ASSERT_FALSE(paths);
    EXPECT_NE(text(paths.error(), Language::English).find("7.1: Directory not empty"),
              std::string::npos);
}

TEST_F(FakeUnified, MakesAnewWhatAnEarlierZoneLeft) {
    std::filesystem::create_directory(own_ + "/khu-gn01/7.1");

    EXPECT_TRUE(groups_.make(the_key, {}));
}

TEST(MemoryEvents, TellOfAKillByTheKernel) {
    const TemporaryDirectory directory;
    EXPECT_FALSE(group_ran_out_of_memory(""));
    EXPECT_FALSE(group_ran_out_of_memory(directory.path()));
    std::ofstream(directory / "memory.events") << "low 0\nhigh 0\nmax 12\noom 2\noom_kill 0\n";
    EXPECT_FALSE(group_ran_out_of_memory(directory.path()));
    std::ofstream(directory / "memory.events") << "max 12\noom 2\noom_kill 1\noom_group_kill 0\n";
    EXPECT_TRUE(group_ran_out_of_memory(directory.path()));
}

TEST(DetectGroups, GivesNoneWhereThereIsNothing) {
    const ControlGroups groups = ControlGroups::detect(
        "khu-gn01", {.self_cgroup = "/nonexistent", .mountinfo = "/nonexistent"});

    EXPECT_EQ(groups.describe(), "none");
    const auto paths =
        groups.make(the_key, {.cores = {0}, .memory = gibibytes(1), .processes_max = 9});
    ASSERT_TRUE(paths);
    EXPECT_TRUE(paths->join.empty());
    EXPECT_TRUE(groups.remove(the_key));
}

/// The machine's own control groups, below the group of this test.
class RealGroups : public ShepherdWorld {
protected:
    void SetUp() override {
        KHU_NEEDS_ROOT();
        groups_ = ControlGroups::detect("khutest-" + std::to_string(::getpid()), {});
        if (groups_.describe() == "none") {
            GTEST_SKIP() << "needs a control group hierarchy that can be written";
        }
    }
    void TearDown() override {
        for (const AttemptKey key : groups_.list()) {
            EXPECT_TRUE(groups_.remove(key));
        }
        groups_.leave();
    }

    ShepherdOrder in_group(ShepherdOrder order, const GroupLimits& limits) {
        const auto paths = groups_.make(key_of(order), limits);
        EXPECT_TRUE(paths) << (paths ? "" : text(paths.error(), Language::English));
        put_in_groups(order, *paths);
        return order;
    }

    ControlGroups groups_ = ControlGroups::none();
};

TEST_F(RealGroups, AnAttemptThatTakesTooMuchMemoryIsKilledAndSaysSo) {
    if (!groups_.limits_memory()) {
        GTEST_SKIP() << "needs the memory controller: " << groups_.describe();
    }
    const ShepherdOrder order =
        in_group(order_of({"perl", "-e", "my $x = 'x' x (256 << 20); exit 0"}),
                 {.cores = {}, .memory = Bytes{64 << 20}, .processes_max = 0});

    const ShepherdResult result = run(order);

    EXPECT_EQ(result.signal, SIGKILL);
    EXPECT_TRUE(result.oom);
}

TEST_F(RealGroups, AGroupThatWasKilledAsAWholeIsMadeAnewForTheNextAttemptOfItsName) {
    ShepherdOrder order = order_of({"true"});
    const GroupLimits limits{.cores = {}, .memory = {}, .processes_max = 100};
    const auto before = groups_.make(key_of(order), limits);
    ASSERT_TRUE(before);
    if (before->kill.empty() || ::access((before->kill + "/cgroup.kill").c_str(), W_OK) != 0) {
        GTEST_SKIP() << "needs cgroup.kill: " << groups_.describe();
    }
    std::ofstream(before->kill + "/cgroup.kill") << "1";

    const ShepherdResult result = run(in_group(order, limits));

    EXPECT_EQ(result.signal, 0);
    EXPECT_EQ(result.exit_code, 0);
}

TEST_F(RealGroups, AForkBombStaysWithinItsNumberOfProcesses) {
    if (!groups_.limits_processes()) {
        GTEST_SKIP() << "needs the pids controller: " << groups_.describe();
    }
    const ShepherdOrder order = in_group(order_of({"perl", "-e", "while (1) { fork }"}),
                                         {.cores = {}, .memory = {}, .processes_max = 60});
    Attempt attempt = start(order);
    ASSERT_TRUE(wait_for(attempt, AttemptEventKind::Hello));
    ASSERT_TRUE(eventually([&] { return descendants_of(attempt.shepherd_pid()).size() >= 55; }));
    EXPECT_LE(descendants_of(attempt.shepherd_pid()).size(), 60U);

    attempt.stop(milliseconds(0), "user_cancel", SIGTERM);

    result_of(attempt);
    EXPECT_TRUE(groups_.remove(attempt.key()));
}

TEST_F(RealGroups, AShepherdThatWaitsInAGroupMakesItTheAttempts) {
    const std::string parent = groups_.standby_parent();
    if (parent.empty()) {
        GTEST_SKIP() << "needs the v1 pids controller: " << groups_.describe();
    }
    shepherds_->stand_by(parent);
    const auto standing_by = [&] {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(parent)) {
            const std::string name = entry.path().filename().string();
            if (name.starts_with(standby_prefix)) {
                names.push_back(name);
            }
        }
        return names.size();
    };
    ASSERT_TRUE(eventually([&] { return standing_by() == 1; }));
    ASSERT_TRUE(std::filesystem::create_directory(parent + "/7.1"));  // Left of an earlier zone.
    const ShepherdOrder order = in_group(order_of({"perl", "-e", "while (1) { fork }"}),
                                         {.cores = {}, .memory = {}, .processes_max = 60});

    Attempt attempt = start(order);

    ASSERT_TRUE(wait_for(attempt, AttemptEventKind::Hello));
    ASSERT_TRUE(eventually([&] { return descendants_of(attempt.shepherd_pid()).size() >= 55; }));
    EXPECT_LE(descendants_of(attempt.shepherd_pid()).size(), 60U);
    EXPECT_EQ(text_of(parent + "/7.1/pids.max"), "61\n");
    attempt.stop(milliseconds(0), "user_cancel", SIGTERM);
    result_of(attempt);
    EXPECT_TRUE(eventually([&] { return groups_.remove(attempt.key()); }));
    shepherds_.reset();
    EXPECT_TRUE(eventually([&] { return standing_by() == 0; }));
}

TEST_F(RealGroups, NoAttemptRunsInAGroupInWhichSomebodyElseStillIs) {
    const std::string parent = groups_.standby_parent();
    if (parent.empty()) {
        GTEST_SKIP() << "needs the v1 pids controller: " << groups_.describe();
    }
    const ShepherdOrder order = in_group(shell("touch ran"), {.processes_max = 60});
    ASSERT_TRUE(std::filesystem::create_directory(parent + "/7.1"));
    const pid_t stranger = ::fork();
    if (stranger == 0) {
        std::ofstream(parent + "/7.1/tasks") << "0" << std::flush;
        ::pause();
    }
    ASSERT_TRUE(eventually([&] { return !text_of(parent + "/7.1/tasks").empty(); }));

    EXPECT_EQ(run(order).fault, "launch_failed");

    EXPECT_FALSE(std::filesystem::exists(directory_ / "ran"));
    ::kill(stranger, SIGKILL);
    ::waitpid(stranger, nullptr, 0);
    EXPECT_TRUE(eventually([&] { return groups_.remove(key_of(order)); }));
}

TEST_F(RealGroups, KeepAnAttemptOnItsCoresEvenIfItAsksForOthers) {
    if (!groups_.limits_cores() || ::sysconf(_SC_NPROCESSORS_ONLN) < 2) {
        GTEST_SKIP() << "needs the cpuset controller and two cores: " << groups_.describe();
    }
    const ShepherdOrder order = in_group(shell("taskset -c 1 true 2>/dev/null || echo refused; "
                                               "grep Cpus_allowed_list /proc/self/status"),
                                         {.cores = {0}, .memory = {}, .processes_max = 0});

    run(order);

    EXPECT_EQ(output(), "refused\nCpus_allowed_list:\t0\n");
}

TEST_F(RealGroups, EndAllOfAnAttemptAtOnce) {
    const ShepherdOrder order =
        in_group(shell("for i in 1 2 3 4 5; do (setsid sh -c 'trap \"\" TERM; echo $$ >> pids; "
                       "while :; do sleep 1; done' &); done; exec sleep 1000"),
                 {});
    Attempt attempt = start(order);
    const std::vector<pid_t> pids = pids_in("pids", 5);
    ASSERT_EQ(pids.size(), 5U);

    attempt.stop(milliseconds(10), "user_cancel", SIGTERM);
    result_of(attempt);

    for (const pid_t pid : pids) {
        EXPECT_FALSE(is_alive(pid)) << pid;
    }
    EXPECT_TRUE(groups_.remove(attempt.key()));
}

TEST_F(RealGroups, EndAnAttemptByFreezingWhereTheyCannotBeKilled) {
    const std::string freezer = "/sys/fs/cgroup/freezer";
    if (!std::filesystem::exists(freezer + "/tasks") &&
        !std::filesystem::exists(freezer + "/cgroup.procs")) {
        GTEST_SKIP() << "needs the v1 freezer";
    }
    const std::string group = freezer + "/khutest-freeze-" + std::to_string(::getpid());
    ASSERT_TRUE(std::filesystem::create_directory(group));
    ShepherdOrder order =
        shell("trap '' TERM; (setsid sleep 1000 &); echo ready; while :; do sleep 1; done");
    order.group_join = {group + "/tasks"};
    order.group_kill = group;
    Attempt attempt = start(order);
    ASSERT_TRUE(eventually([&] { return output() == "ready\n"; }));

    attempt.stop(milliseconds(0), "user_cancel", SIGTERM);

    EXPECT_EQ(result_of(attempt).stop_reason, "user_cancel");
    EXPECT_EQ(text_of(group + "/cgroup.procs"), "");
    EXPECT_EQ(::rmdir(group.c_str()), 0);
}

TEST_F(RealGroups, StraysOfAKilledShepherdAreEndedByTheirGroup) {
    const ShepherdOrder order = in_group(shell("env -i setsid sh -c 'trap \"\" TERM; echo $$ >> "
                                               "pids; while :; do /bin/sleep 1; done' & "
                                               "exec sleep 1000"),
                                         {});
    Attempt attempt = start(order);
    const std::vector<pid_t> pids = pids_in("pids", 1);
    ASSERT_EQ(pids.size(), 1U);

    kill_shepherd(attempt);
    result_of(attempt);

    EXPECT_TRUE(eventually([&] { return !is_alive(pids[0]); }));
    EXPECT_TRUE(eventually([&] { return groups_.remove(attempt.key()); }));
}

}  // namespace
}  // namespace khu::agent
