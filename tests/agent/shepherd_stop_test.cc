#include <gtest/gtest.h>
#include <signal.h>

#include "tests/agent/shepherd_world.h"

namespace khu::agent {
namespace {

class ShepherdStops : public ShepherdWorld {};

TEST_F(ShepherdStops, AnnouncesTheReasonBeforeTheSignal) {
    Attempt attempt =
        start(shell("trap 'cat $KHU_STOP_FILE; exit 8' TERM; echo ready; "
                    "while :; do sleep 0.01; done"));
    ASSERT_TRUE(eventually([&] { return output() == "ready\n"; }));

    attempt.stop(seconds(60), "preempted", SIGTERM);

    const ShepherdResult result = result_of(attempt);
    EXPECT_EQ(result.exit_code, 8);
    EXPECT_EQ(result.stop_reason, "preempted");
    const std::string said = output();
    const std::string announced = "reason=preempted\ndeadline=";
    ASSERT_NE(said.find(announced), std::string::npos) << said;
    const std::int64_t deadline = std::stoll(said.substr(said.find(announced) + announced.size()));
    EXPECT_NEAR(static_cast<double>(deadline), static_cast<double>(unix_ms() / 1000 + 60), 20);
}

TEST_F(ShepherdStops, KillsWhatIgnoresTheSignalWhenTheGraceIsOver) {
    Attempt attempt = start(shell("trap '' TERM; echo ready; while :; do sleep 1; done"));
    ASSERT_TRUE(eventually([&] { return output() == "ready\n"; }));

    attempt.stop(milliseconds(100), "time_limit", SIGTERM);

    const ShepherdResult result = result_of(attempt);
    EXPECT_EQ(result.signal, SIGKILL);
    EXPECT_EQ(result.stop_reason, "time_limit");
    EXPECT_GE(result.duration_ms, 100);
}

TEST_F(ShepherdStops, WakesStoppedProcessesSoThatTheyHearTheSignal) {
    Attempt attempt = start(shell("echo $$ > pid; kill -STOP $$; exit 1"));
    const std::vector<pid_t> pids = pids_in("pid", 1);
    ASSERT_EQ(pids.size(), 1U);
    ASSERT_TRUE(eventually([&] {
        const auto stat = read_stat(pids[0]);
        return stat && stat->state == 'T';
    }));

    attempt.stop(seconds(60), "drain", SIGTERM);

    EXPECT_EQ(result_of(attempt).signal, SIGTERM);
}

TEST_F(ShepherdStops, EscapeesThatForkedTwiceAndChangedTheirSession) {
    const std::string escapee =
        "(setsid sh -c 'trap \"\" TERM HUP; echo $$ >> pids; "
        "while :; do sleep 1; done' &); ";
    Attempt attempt = start(shell(escapee + escapee + escapee + "exec sleep 1000"));
    const std::vector<pid_t> pids = pids_in("pids", 3);
    ASSERT_EQ(pids.size(), 3U);

    attempt.stop(milliseconds(50), "user_cancel", SIGTERM);
    result_of(attempt);

    for (const pid_t pid : pids) {
        EXPECT_FALSE(is_alive(pid)) << pid;
    }
}

TEST_F(ShepherdStops, WhatACommandLeavesBehindWhenItEnds) {
    ShepherdOrder order = shell(
        "(setsid sh -c 'trap \"\" TERM; echo $$ >> pids; "
        "while :; do sleep 1; done' &); "
        "while ! test -s pids; do sleep 0.01; done; exit 2");
    order.leftover_grace_ms = 50;

    const ShepherdResult result = run(order);

    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.stop_reason, "");
    const std::vector<pid_t> pids = pids_in("pids", 1);
    ASSERT_EQ(pids.size(), 1U);
    EXPECT_FALSE(is_alive(pids[0]));
}

TEST_F(ShepherdStops, AForkBombThatItsLimitBounds) {
    KHU_NEEDS_ROOT();
    // A user of its own, because the limit counts all processes of a user.
    ShepherdOrder order = order_of({"perl", "-e", "while (1) { fork }"});
    order.uid = 61'234;
    order.gid = 61'234;
    order.output = "/dev/null";
    order.processes_max = 100;
    Attempt attempt = start(order);
    ASSERT_TRUE(wait_for(attempt, AttemptEventKind::Hello));
    ASSERT_TRUE(eventually([&] { return descendants_of(attempt.shepherd_pid()).size() > 90; }));
    EXPECT_LE(descendants_of(attempt.shepherd_pid()).size(), 100U);

    attempt.stop(milliseconds(0), "user_cancel", SIGTERM);

    EXPECT_EQ(result_of(attempt).stop_reason, "user_cancel");
}

TEST_F(ShepherdStops, WithAnotherSignalWhenAsked) {
    Attempt attempt = start(shell("trap 'exit 11' INT; echo ready; while :; do sleep 0.01; done"));
    ASSERT_TRUE(eventually([&] { return output() == "ready\n"; }));

    attempt.stop(seconds(60), "user_cancel", SIGINT);

    EXPECT_EQ(result_of(attempt).exit_code, 11);
}

class ShepherdNotices : public ShepherdWorld {};

TEST_F(ShepherdNotices, ReachTheTask) {
    Attempt attempt = start(shell("trap 'exit 12' USR1; echo ready; while :; do sleep 0.01; done"));
    ASSERT_TRUE(eventually([&] { return output() == "ready\n"; }));

    attempt.notice(SIGUSR1, "time_limit", seconds(120));

    EXPECT_EQ(result_of(attempt).exit_code, 12);
}

TEST_F(ShepherdNotices, PassABatchShellAndReachWhatItRuns) {
    ShepherdOrder order = shell(
        "sh -c 'trap \"exit 13\" USR1; echo ready; "
        "while :; do sleep 0.01; done'; echo the program said $?");
    order.notice_children = 1;
    Attempt attempt = start(order);
    ASSERT_TRUE(eventually([&] { return output() == "ready\n"; }));

    attempt.signal(SIGUSR1);

    EXPECT_EQ(result_of(attempt).exit_code, 0);
    EXPECT_EQ(output(), "ready\nthe program said 13\n");
}

TEST_F(ShepherdNotices, WithASignalThatDoesNotExistAreRefused) {
    Attempt attempt = start(shell("exec sleep 1000"));
    AttemptEvent answer;

    attempt.signal(999);

    ASSERT_TRUE(wait_for(attempt, AttemptEventKind::Answer, &answer));
    EXPECT_EQ(answer.refused, "no such signal");
    attempt.stop(milliseconds(0), "user_cancel", SIGTERM);
    result_of(attempt);
}

class ShepherdLease : public ShepherdWorld {};

TEST_F(ShepherdLease, EndsTheAttemptWhenNobodyRenewsIt) {
    Attempt attempt = start(shell("trap '' TERM; echo ready; while :; do sleep 1; done"), 300);

    const ShepherdResult result = result_of(attempt);

    EXPECT_EQ(result.stop_reason, "lease_lost");
    EXPECT_EQ(result.signal, SIGKILL);
}

TEST_F(ShepherdLease, IsNotWhatEndedATaskThatHadFailedBefore) {
    ShepherdOrder order = shell(
        "(setsid sh -c 'trap \"\" TERM; echo $$ >> pids; "
        "while :; do sleep 1; done' &); "
        "while ! test -s pids; do sleep 0.01; done; exit 2");
    order.leftover_grace_ms = 60'000;
    Attempt attempt = start(order, 800);

    const ShepherdResult result = result_of(attempt);

    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.stop_reason, "");
}

TEST_F(ShepherdLease, LetsItRunWhileItIsRenewed) {
    Attempt attempt = start(shell("sleep 0.6; exit 14"), 300);
    ASSERT_TRUE(wait_for(attempt, AttemptEventKind::Started));

    EXPECT_TRUE(spool_->renew_lease(attempt.key(), boot_ms() + 60'000));

    const ShepherdResult result = result_of(attempt);
    EXPECT_EQ(result.exit_code, 14);
    EXPECT_EQ(result.stop_reason, "");
}

TEST_F(ShepherdLease, StartsNothingWhenItIsOverAlready) {
    Attempt attempt = start(shell("echo ran"), -1);

    const ShepherdResult result = result_of(attempt);

    EXPECT_EQ(result.stop_reason, "lease_lost");
    EXPECT_EQ(result.started_ms, 0);
    EXPECT_EQ(output(), "");
}

}  // namespace
}  // namespace khu::agent
