#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include "agent/shepherd_channel.h"
#include "agent/shepherd_records.h"
#include "tests/agent/shepherd_world.h"

namespace khu::agent {
namespace {

/// The agent is restarted, or killed, while its attempts run.
class ShepherdRestart : public ShepherdWorld {
protected:
    void restart_agent() {
        shepherds_.reset();
        const std::string path = spool_->path();
        spool_.reset();
        spool_ = std::make_unique<Spool>(Spool::open(path, {}).value());
        shepherds_ = std::make_unique<Shepherds>(*spool_, program());
    }
};

TEST_F(ShepherdRestart, AdoptedAttemptsAreStoppedAndReportedLikeAnyOther) {
    {
        Attempt attempt =
            start(shell("trap 'exit 17' TERM; echo ready; while :; do sleep 0.01; done"));
        ASSERT_TRUE(eventually([&] { return output() == "ready\n"; }));
    }
    restart_agent();

    std::optional<Attempt> adopted = shepherds_->adopt({JobId{7}, AttemptNumber{1}});
    ASSERT_TRUE(adopted);
    AttemptEvent started;
    ASSERT_TRUE(wait_for(*adopted, AttemptEventKind::Started, &started));
    EXPECT_GT(started.started_ms, 0);
    EXPECT_GE(adopted->pidfd(), 0);
    EXPECT_EQ(spool_->read_order(adopted->key())->argv[0], "/bin/sh");
    adopted->stop(seconds(60), "user_cancel", SIGTERM);

    EXPECT_EQ(result_of(*adopted).exit_code, 17);
}

TEST_F(ShepherdRestart, AShepherdThatIsHeldUpIsNotTakenForDead) {
    pid_t shepherd = -1;
    {
        Attempt attempt = start(shell("exec sleep 1000"));
        ASSERT_TRUE(wait_for(attempt, AttemptEventKind::Started));
        shepherd = attempt.shepherd_pid();
        ASSERT_TRUE(signal_process(shepherd, SIGSTOP));
    }
    restart_agent();
    EXPECT_FALSE(std::filesystem::exists(spool_->path() + "/7.1/sock"));
    std::thread later([&] {
        ::poll(nullptr, 0, 200);
        signal_process(shepherd, SIGCONT);
    });

    std::optional<Attempt> adopted = shepherds_->adopt({JobId{7}, AttemptNumber{1}});

    later.join();
    ASSERT_TRUE(adopted);
    adopted->stop(milliseconds(0), "user_cancel", SIGTERM);
    EXPECT_EQ(result_of(*adopted).stop_reason, "user_cancel");
}

TEST_F(ShepherdRestart, ReadsTheResultOfWhatEndedMeanwhile) {
    {
        Attempt attempt =
            start(shell("echo ready; while ! test -e go; do sleep 0.01; done; exit 18"));
        ASSERT_TRUE(eventually([&] { return output() == "ready\n"; }));
    }
    shepherds_.reset();
    std::ofstream(directory_ / "go") << "go";
    ASSERT_TRUE(eventually([&] { return spool_->has_result({JobId{7}, AttemptNumber{1}}); }));
    restart_agent();

    const std::vector<SpoolEntry> found = spool_->list();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_TRUE(found[0].ended);
    EXPECT_FALSE(shepherds_->adopt(found[0].key));
    EXPECT_EQ(shepherds_->take_result(found[0].key).exit_code, 18);
}

TEST_F(ShepherdRestart, AttemptsOutliveAnAgentThatIsKilled) {
    const std::string path = directory_ / "killed";
    const pid_t agent = ::fork();
    if (agent == 0) {
        Spool spool = Spool::open(path, {}).value();
        Shepherds shepherds(spool, program());
        auto attempt =
            shepherds.start(shell("echo ready; while ! test -e go; do sleep 0.01; done; exit 19"),
                            boot_ms() + 60'000);
        for (;;) {
            ::pause();
        }
    }
    ASSERT_TRUE(eventually([&] { return output() == "ready\n"; }));
    ASSERT_TRUE(signal_process(agent, SIGKILL));
    ::waitpid(agent, nullptr, 0);
    std::ofstream(directory_ / "go") << "go";

    Spool spool = Spool::open(path, {}).value();
    Shepherds shepherds(spool, program());
    const AttemptKey key{JobId{7}, AttemptNumber{1}};
    std::optional<Attempt> adopted = shepherds.adopt(key);
    if (adopted) {
        EXPECT_TRUE(wait_for(*adopted, AttemptEventKind::Ended));
    }

    EXPECT_EQ(shepherds.take_result(key).exit_code, 19);
}

TEST_F(ShepherdRestart, ADeadAgentCannotLeaveAJobRunningPastTheLease) {
    {
        Attempt attempt =
            start(shell("trap '' TERM; echo $$ > pid; while :; do sleep 1; done"), 500);
    }
    shepherds_.reset();
    const std::vector<pid_t> pids = pids_in("pid", 1);
    ASSERT_EQ(pids.size(), 1U);

    EXPECT_TRUE(eventually([&] { return !is_alive(pids[0]); }));
    ASSERT_TRUE(eventually([&] { return spool_->has_result({JobId{7}, AttemptNumber{1}}); }));
    EXPECT_EQ(spool_->read_result({JobId{7}, AttemptNumber{1}})->stop_reason, "lease_lost");
}

TEST_F(ShepherdRestart, WhatAKilledShepherdLeavesIsEndedToo) {
    Attempt attempt =
        start(shell("(setsid sh -c 'trap \"\" TERM; echo $$ >> pids; "
                    "while :; do sleep 1; done' &); echo $$ >> pids; exec sleep 1000"));
    ASSERT_TRUE(wait_for(attempt, AttemptEventKind::Started));
    const std::vector<pid_t> pids = pids_in("pids", 2);
    ASSERT_EQ(pids.size(), 2U);

    kill_shepherd(attempt);
    const ShepherdResult result = result_of(attempt);

    EXPECT_EQ(result.fault, "launch_failed");
    EXPECT_EQ(result.fault_why, "its shepherd ended without a result");
    for (const pid_t pid : pids) {
        EXPECT_TRUE(eventually([&] { return !is_alive(pid); })) << pid;
    }
}

TEST_F(ShepherdRestart, AKilledZygoteIsReplaced) {
    EXPECT_EQ(run(shell("exit 1")).exit_code, 1);
    for (const ProcessStat& child : children_of(::getpid())) {
        EXPECT_TRUE(signal_process(child.pid, SIGKILL));
        EXPECT_TRUE(eventually([&] { return !is_alive(child.pid); }));
    }

    ShepherdOrder order = shell("exit 20");
    order.attempt = 2;
    EXPECT_EQ(run(order).exit_code, 20);
}

TEST_F(ShepherdRestart, WhatWasNeverPublishedIsSweptAway) {
    std::filesystem::create_directories(spool_->path() + "/new/9.1/job");
    std::ofstream(spool_->path() + "/new/9.1/order") << "half an ord";

    restart_agent();

    EXPECT_FALSE(std::filesystem::exists(spool_->path() + "/new/9.1"));
    EXPECT_TRUE(spool_->list().empty());
}

TEST_F(ShepherdRestart, NonsenseOnTheSocketHarmsNobody) {
    ShepherdOrder order = shell("exec sleep 1000");
    order.accepts_steps = 1;
    Attempt attempt = start(order);
    ASSERT_TRUE(wait_for(attempt, AttemptEventKind::Started));
    const Fd dir = spool_->open_attempt(attempt.key());
    for (const std::string& nonsense :
         {std::string("x"), std::string("do 99\nstop\n"), std::string("do 4\nstop\n"),
          std::string("do 4\nstop\ngrace_ms 2\n-x\nreason 1\na\n"), std::string(1000, '\0'),
          std::string("do 4\nexec\ntext 2\nid\n"), std::string("do 6\nsignal\nsignal 1\n0\n")}) {
        const Fd socket = connect_in(dir.get(), "sock");
        ASSERT_TRUE(socket);
        ASSERT_TRUE(send_packet(socket.get(), nonsense));
        Packet answer;
        ASSERT_EQ(receive_packet(socket.get(), answer, 0), Received::Packet);
        EXPECT_TRUE(find_value(answer.text, "refused")) << nonsense;
    }

    EXPECT_FALSE(attempt.next());
    attempt.stop(milliseconds(0), "user_cancel", SIGTERM);
    EXPECT_EQ(result_of(attempt).stop_reason, "user_cancel");
}

}  // namespace
}  // namespace khu::agent
