#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>

#include "tests/agent/shepherd_world.h"

namespace khu::agent {
namespace {

using ::testing::ElementsAre;

class ShepherdRuns : public ShepherdWorld {};

TEST_F(ShepherdRuns, ACommandAndReportsItsExitCode) {
    const ShepherdResult result = run(shell("echo hello; exit 3"));

    EXPECT_EQ(result.exit_code, 3);
    EXPECT_EQ(result.signal, 0);
    EXPECT_EQ(result.fault, "");
    EXPECT_EQ(result.stop_reason, "");
    EXPECT_GT(result.started_ms, 0);
    EXPECT_GE(result.ended_ms, result.started_ms);
    EXPECT_GT(result.max_rss_bytes, 0);
    EXPECT_EQ(output(), "hello\n");
}

TEST_F(ShepherdRuns, ReportsTheSignalThatKilledTheCommand) {
    const ShepherdResult result = run(shell("kill -SEGV $$"));

    EXPECT_EQ(result.signal, SIGSEGV);
    EXPECT_EQ(result.exit_code, 0);
}

TEST_F(ShepherdRuns, WithExactlyTheOrderedEnvironment) {
    ShepherdOrder order = order_of({"env"});
    order.env = {"PATH=/usr/bin:/bin", "A=1", "B=2"};
    order.tasks[0].env = {"B=of the task"};

    run(order);

    EXPECT_EQ(output(), "A=1\nB=of the task\nPATH=/usr/bin:/bin\n");
}

TEST_F(ShepherdRuns, OneProcessForEachTaskAndReportsTheFirstFailure) {
    ShepherdOrder order = shell("echo $RANK; test $RANK != 2 || exit 5");
    order.kill_siblings = 0;
    order.tasks.clear();
    for (int rank = 0; rank < 4; ++rank) {
        order.tasks.push_back({.rank = rank, .env = {"RANK=" + std::to_string(rank)}, .cores = {}});
    }

    const ShepherdResult result = run(order);

    EXPECT_EQ(result.exit_code, 5);
    std::string lines = output();
    std::sort(lines.begin(), lines.end());
    EXPECT_EQ(lines, "\n\n\n\n0123");
}

TEST_F(ShepherdRuns, EndsTheOtherRanksWhenOneFails) {
    ShepherdOrder order = shell("test $RANK = 0 && exit 9; exec sleep 1000");
    order.tasks = {{.rank = 0, .env = {"RANK=0"}, .cores = {}},
                   {.rank = 1, .env = {"RANK=1"}, .cores = {}}};

    const ShepherdResult result = run(order);

    EXPECT_EQ(result.exit_code, 9);
    EXPECT_EQ(result.signal, 0);
}

TEST_F(ShepherdRuns, OutputFilesByNodeRankAndJob) {
    ShepherdOrder order = shell("echo out $RANK; echo err $RANK >&2");
    order.output = "%j-%N-%t.out";
    order.error = "%t.err";
    order.tasks = {{.rank = 4, .env = {"RANK=4"}, .cores = {}},
                   {.rank = 5, .env = {"RANK=5"}, .cores = {}}};

    run(order);

    EXPECT_EQ(text_of(directory_ / "7-gn01-4.out"), "out 4\n");
    EXPECT_EQ(text_of(directory_ / "7-gn01-5.out"), "out 5\n");
    EXPECT_EQ(text_of(directory_ / "5.err"), "err 5\n");
}

TEST_F(ShepherdRuns, AppendsUnlessToldToBeginEmpty) {
    std::ofstream(directory_ / "out") << "before\n";
    run(shell("echo one"));
    EXPECT_EQ(output(), "before\none\n");
    spool_->forget(key_of(shell("")));

    ShepherdOrder order = shell("echo two");
    order.output_truncate = 1;
    run(order);
    EXPECT_EQ(output(), "two\n");
}

TEST_F(ShepherdRuns, CapturesOutputUpToItsBoundAndLetsTheJobGoOn) {
    ShepherdOrder order = shell("head -c 100000 /dev/zero; echo end >&2; exit 4");
    order.output.clear();
    order.capture_bytes_max = 1000;

    const ShepherdResult result = run(order);

    EXPECT_EQ(result.exit_code, 4);
    EXPECT_TRUE(result.output_cut);
    EXPECT_EQ(text_of(spool_->path() + "/7.1/output").size(), 1000U);
}

TEST_F(ShepherdRuns, BoundToThePlacedCores) {
    cpu_set_t usable;
    ASSERT_EQ(::sched_getaffinity(0, sizeof usable, &usable), 0);
    int last = 0;
    for (int core = 0; core < CPU_SETSIZE; ++core) {
        last = CPU_ISSET(static_cast<std::size_t>(core), &usable) ? core : last;
    }
    ShepherdOrder order = shell("grep Cpus_allowed_list /proc/self/status");
    order.tasks[0].cores = {last};

    run(order);

    EXPECT_EQ(output(), "Cpus_allowed_list:\t" + std::to_string(last) + "\n");
}

TEST_F(ShepherdRuns, UnboundWhenThePlacedCoresAreNotOfThisMachine) {
    ShepherdOrder order = shell("echo runs");
    order.tasks[0].cores = {900, 901};

    EXPECT_EQ(run(order).exit_code, 0);
    EXPECT_EQ(output(), "runs\n");
}

TEST_F(ShepherdRuns, WithThePlannedFilesAndPrivateDirectoriesAndTakesThemAway) {
    const std::string scratch = directory_ / "scratch";
    ShepherdOrder order =
        shell("cat " + spool_->job_dir({JobId{7}, AttemptNumber{1}}) + "/hostfile; stat -c %a " +
              scratch + "; mkdir -p " + scratch + "/a/b/c; touch " + scratch +
              "/a/b/c/file; chmod 0 " + scratch + "/a");
    order.files = {{.path = "hostfile", .content = "gn01 slots=2\n", .mode = 0600}};
    order.private_dirs = {scratch};

    run(order);

    EXPECT_EQ(output(), "gn01 slots=2\n700\n");
    EXPECT_FALSE(std::filesystem::exists(scratch));
    spool_->forget(key_of(order));
    EXPECT_FALSE(std::filesystem::exists(spool_->path() + "/7.1"));
}

TEST_F(ShepherdRuns, AGangOnlyWhenTold) {
    ShepherdOrder order = shell("echo ran");
    order.hold = 1;
    Attempt attempt = start(order);
    ASSERT_TRUE(wait_for(attempt, AttemptEventKind::Prepared));
    EXPECT_EQ(output(), "");

    attempt.run();
    EXPECT_TRUE(wait_for(attempt, AttemptEventKind::Started));

    EXPECT_EQ(result_of(attempt).exit_code, 0);
    EXPECT_EQ(output(), "ran\n");
}

TEST_F(ShepherdRuns, NothingOfAGangThatIsStoppedBeforeItIsTold) {
    ShepherdOrder order = shell("echo ran");
    order.hold = 1;
    Attempt attempt = start(order);
    ASSERT_TRUE(wait_for(attempt, AttemptEventKind::Prepared));

    attempt.stop(seconds(10), "user_cancel", SIGTERM);

    const ShepherdResult result = result_of(attempt);
    EXPECT_EQ(result.started_ms, 0);
    EXPECT_EQ(result.stop_reason, "user_cancel");
    EXPECT_EQ(output(), "");
}

class ShepherdRefuses : public ShepherdWorld {};

TEST_F(ShepherdRefuses, ACommandThatIsNotThere) {
    const ShepherdResult result = run(order_of({"no-such-command", "x"}));

    EXPECT_EQ(result.fault, "command_not_found");
    EXPECT_EQ(result.started_ms, 0);
    EXPECT_EQ(result.exit_code, 127);
    const std::optional<Refusal> refusal = launch_fault(result, "gn01");
    ASSERT_TRUE(refusal);
    EXPECT_EQ(text(*refusal, Language::English),
              "command no-such-command was not found on node gn01");
}

TEST_F(ShepherdRefuses, ACommandThatCannotBeRun) {
    std::ofstream(directory_ / "data") << "no program";

    const ShepherdResult result = run(order_of({"./data"}));

    EXPECT_EQ(result.fault, "command_not_runnable");
    EXPECT_EQ(text(*launch_fault(result, "gn01"), Language::English),
              "command ./data on node gn01 cannot be run: Permission denied");
}

TEST_F(ShepherdRefuses, AWorkingDirectoryThatIsNotThere) {
    ShepherdOrder order = shell("echo ran");
    order.chdir = directory_ / "missing";

    const ShepherdResult result = run(order);

    EXPECT_EQ(result.fault, "directory_missing");
    EXPECT_EQ(result.fault_path, directory_ / "missing");
    EXPECT_EQ(result.fault_why, "No such file or directory");
}

TEST_F(ShepherdRefuses, AnOutputFileThatCannotBeMade) {
    ShepherdOrder order = shell("touch ran");
    order.output = "missing/%j.out";

    const ShepherdResult result = run(order);

    EXPECT_EQ(result.fault, "output_unwritable");
    EXPECT_EQ(text(*launch_fault(result, "gn01"), Language::English),
              "output file missing/7.out on node gn01: No such file or directory");
    EXPECT_FALSE(std::filesystem::exists(directory_ / "ran"));
}

TEST_F(ShepherdRefuses, APlannedFileOutsideTheAttempt) {
    ShepherdOrder order = shell("echo ran");
    order.files = {{.path = "../escaped", .content = "x", .mode = 0600}};

    EXPECT_EQ(run(order).fault, "launch_failed");
    EXPECT_FALSE(std::filesystem::exists(spool_->path() + "/7.1/escaped"));
}

TEST_F(ShepherdRefuses, ASecondStartOfTheSameAttempt) {
    Attempt attempt = start(shell("exec sleep 1000"));
    ASSERT_TRUE(wait_for(attempt, AttemptEventKind::Started));

    const auto again = shepherds_->start(shell("echo ran"), boot_ms() + 60'000);

    ASSERT_FALSE(again);
    EXPECT_EQ(text(again.error(), Language::English),
              "node gn01 could not start the job: attempt 7.1 is here already");
    attempt.stop(milliseconds(0), "user_cancel", SIGTERM);
    result_of(attempt);
}

class ShepherdSteps : public ShepherdWorld {
protected:
    /// An attempt that only waits for steps, as on all nodes of an MPI job but the first.
    Attempt waiting() {
        ShepherdOrder order = order_of({});
        order.tasks.clear();
        order.accepts_steps = 1;
        order.env.push_back("OF_ATTEMPT=yes");
        Attempt attempt = start(order);
        EXPECT_TRUE(wait_for(attempt, AttemptEventKind::Started));
        return attempt;
    }

    std::optional<StepExit> step(const Attempt& attempt, const std::string& text,
                                 const std::string& file) {
        const Fd out{::open((directory_ / file).c_str(), O_WRONLY | O_CREAT, 0600)};
        const Fd in{::open("/dev/null", O_RDONLY)};
        const auto fd = shepherds_->exec(attempt.key(), text, {"OF_STEP=too"},
                                         {in.get(), out.get(), out.get()});
        EXPECT_TRUE(fd);
        return Shepherds::read_step_exit(fd->get());
    }
};

TEST_F(ShepherdSteps, RunInsideTheAttemptWithItsEnvironment) {
    Attempt attempt = waiting();

    const auto exit = step(attempt, "echo $OF_ATTEMPT $OF_STEP; pwd; exit 6", "step");

    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->exit_code, 6);
    EXPECT_EQ(text_of(directory_ / "step"), "yes too\n" + directory_.path() + "\n");
    attempt.stop(milliseconds(0), "finished", SIGTERM);
    EXPECT_EQ(result_of(attempt).exit_code, 0);
}

TEST_F(ShepherdSteps, ReportTheirSignal) {
    Attempt attempt = waiting();

    EXPECT_EQ(step(attempt, "kill -KILL $$", "step")->signal, SIGKILL);

    attempt.stop(milliseconds(0), "finished", SIGTERM);
    result_of(attempt);
}

TEST_F(ShepherdSteps, DaemonsOfAStepEndWithTheAttempt) {
    Attempt attempt = waiting();
    const std::string daemon = "setsid sh -c 'echo $$ > daemon; exec sleep 1000' &";
    EXPECT_EQ(step(attempt, daemon, "step")->exit_code, 0);
    const std::vector<pid_t> pids = pids_in("daemon", 1);
    ASSERT_EQ(pids.size(), 1U);
    EXPECT_TRUE(is_alive(pids[0]));

    attempt.stop(milliseconds(0), "finished", SIGTERM);
    result_of(attempt);

    EXPECT_FALSE(is_alive(pids[0]));
}

TEST_F(ShepherdSteps, AreRefusedWhenTheAttemptEnds) {
    ShepherdOrder order = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
    order.accepts_steps = 1;
    Attempt attempt = start(order);
    ASSERT_TRUE(eventually([&] { return output() == "ready\n"; }));
    attempt.stop(seconds(60), "preempted", SIGTERM);
    ASSERT_TRUE(wait_for(attempt, AttemptEventKind::Answer));

    EXPECT_EQ(step(attempt, "echo ran", "step")->refused, "the attempt is ending");

    attempt.stop(milliseconds(0), "preempted", SIGTERM);
    result_of(attempt);
}

}  // namespace
}  // namespace khu::agent
