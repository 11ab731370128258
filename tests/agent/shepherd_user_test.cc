#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "tests/agent/shepherd_world.h"

namespace khu::agent {
namespace {

/// Jobs of the user nobody, in a directory of nobody's.
class ShepherdAsUser : public ShepherdWorld {
protected:
    ShepherdOrder users(const std::string& script) const {
        ShepherdOrder order = shell(script);
        const std::string home = directory_ / "home";
        std::filesystem::create_directory(home);
        EXPECT_EQ(::chown(home.c_str(), nobody, nobody), 0);
        order.uid = nobody;
        order.gid = nobody;
        order.groups = {nobody, 61'001};
        order.chdir = home;
        return order;
    }
    [[nodiscard]] std::string users_output() const { return text_of(directory_ / "home/out"); }
};

TEST_F(ShepherdAsUser, GivesUpEveryOtherIdentity) {
    KHU_NEEDS_ROOT();

    const ShepherdResult result =
        run(users("grep -E '^(Uid|Gid|Groups|CapEff|CapPrm)' /proc/self/status; "
                  "chown root out 2>&1 | grep -c permitted; kill -0 1 2>/dev/null || echo no"));

    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(
        users_output(),
        "Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\n"
        "Groups:\t61001 65534 \nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n1\nno\n");
}

TEST_F(ShepherdAsUser, ItsFilesAreTheUsers) {
    KHU_NEEDS_ROOT();
    ShepherdOrder order = users("stat -c '%u %a %n' \"$(dirname $KHU_STOP_FILE)\" " +
                                spool_->job_dir({JobId{7}, AttemptNumber{1}}) + "/token");
    order.files = {{.path = "token", .content = "secret", .mode = 0600}};

    run(order);

    const std::string job = spool_->job_dir({JobId{7}, AttemptNumber{1}});
    EXPECT_EQ(users_output(), "65534 700 " + job + "\n65534 600 " + job + "/token\n");
}

TEST_F(ShepherdAsUser, CannotReadOrChangeWhatIsTheAgents) {
    KHU_NEEDS_ROOT();
    const std::string attempt = spool_->path() + "/7.1";
    ShepherdOrder order = users("for f in order lease sock result; do cat " + attempt +
                                "/$f 2>/dev/null && echo $f; done; "
                                "ls " +
                                attempt + " 2>/dev/null && echo listed; touch " + attempt +
                                "/result 2>/dev/null && echo forged; echo done");
    order.accepts_steps = 1;

    run(order);

    EXPECT_EQ(users_output(), "done\n");
}

TEST_F(ShepherdAsUser, ADirectoryThatIsPassedOnComesToTheSameUserOnly) {
    KHU_NEEDS_ROOT();
    ShepherdOrder order = users("stat -c '%u %a' \"$(dirname $KHU_STOP_FILE)\"");
    const std::string directory = spool_->job_dir(key_of(order));
    run(order);
    const Fd held{::open(directory.c_str(), O_RDONLY | O_DIRECTORY)};
    const auto is_in_use = [&] {
        struct stat ours{}, there{};
        return ::fstat(held.get(), &ours) == 0 && ::stat(directory.c_str(), &there) == 0 &&
               ours.st_ino == there.st_ino;
    };
    ASSERT_TRUE(is_in_use());

    ::fchmod(held.get(), 0777);
    spool_->forget(key_of(order));
    run(order);
    EXPECT_TRUE(is_in_use());

    spool_->forget(key_of(order));
    order.uid = 61'001;
    order.output = "/dev/null";
    std::filesystem::permissions(order.chdir, std::filesystem::perms(0755));
    run(order);
    EXPECT_FALSE(is_in_use());
    struct stat status{};
    ASSERT_EQ(::stat(directory.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 61'001U);
    EXPECT_EQ(users_output(), "65534 700\n65534 700\n");
}

TEST_F(ShepherdAsUser, CannotSignalItsShepherd) {
    KHU_NEEDS_ROOT();

    const ShepherdResult result = run(users("kill -9 $PPID 2>/dev/null || echo refused; exit 15"));

    EXPECT_EQ(result.exit_code, 15);
    EXPECT_EQ(users_output(), "refused\n");
}

TEST_F(ShepherdAsUser, EntersNoDirectoryThatTheUserMayNot) {
    KHU_NEEDS_ROOT();
    ShepherdOrder order = users("echo ran");
    order.chdir = directory_ / "roots";
    std::filesystem::create_directory(order.chdir);
    std::filesystem::permissions(order.chdir, std::filesystem::perms(0700));

    const ShepherdResult result = run(order);

    EXPECT_EQ(result.fault, "directory_missing");
    EXPECT_EQ(result.fault_why, "Permission denied");
}

TEST_F(ShepherdAsUser, WritesNoFileThatTheUserMayNot) {
    KHU_NEEDS_ROOT();
    std::ofstream(directory_ / "canary") << "root's own";
    std::filesystem::permissions(directory_ / "canary", std::filesystem::perms(0600));
    ShepherdOrder order = users("echo overwritten");
    order.output_truncate = 1;
    ::symlink((directory_ / "canary").c_str(), (directory_ / "home/link").c_str());
    ::lchown((directory_ / "home/link").c_str(), nobody, nobody);
    for (const std::string& path : {directory_ / "canary", std::string("link")}) {
        order.output = path;

        const ShepherdResult result = run(order);

        EXPECT_EQ(result.fault, "output_unwritable") << path;
        EXPECT_EQ(result.fault_why, "Permission denied") << path;
        EXPECT_EQ(text_of(directory_ / "canary"), "root's own");
        spool_->forget(key_of(order));
    }
}

TEST_F(ShepherdAsUser, FollowsNoLinkThatAnotherUserPlanted) {
    KHU_NEEDS_ROOT();
    ShepherdOrder order = users("echo overwritten");
    order.output = "out";
    order.output_truncate = 1;
    const std::string victim = directory_ / "home/precious";
    std::ofstream(victim) << "the user's own";
    ::chown(victim.c_str(), nobody, nobody);
    ::symlink("precious", (directory_ / "home/out").c_str());
    ::lchown((directory_ / "home/out").c_str(), 61'002, 61'002);

    EXPECT_EQ(run(order).fault_why, "is a symbolic link of another user");
    EXPECT_EQ(text_of(victim), "the user's own");
    spool_->forget(key_of(order));

    ::lchown((directory_ / "home/out").c_str(), nobody, nobody);
    EXPECT_EQ(run(order).fault, "");
    EXPECT_EQ(text_of(victim), "overwritten\n");
}

TEST_F(ShepherdAsUser, ANormalUsersAgentCannotBecomeAnother) {
    KHU_NEEDS_ROOT();
    const pid_t child = ::fork();
    if (child == 0) {
        // An agent of nobody's with a spool of its own.
        const std::string home = directory_ / "agent";
        std::filesystem::create_directory(home);
        ::chown(home.c_str(), nobody, nobody);
        const bool dropped = ::setgid(nobody) == 0 && ::setuid(nobody) == 0;
        Spool spool = Spool::open(home + "/spool", {}).value();
        Shepherds shepherds(spool, program());
        ShepherdOrder order = shell("echo ran");
        order.chdir = home;
        order.uid = 61'003;
        order.gid = 61'003;
        auto attempt = shepherds.start(order, boot_ms() + 60'000);
        const bool ended = dropped && attempt && wait_for(*attempt, AttemptEventKind::Ended);
        const ShepherdResult result = shepherds.take_result(key_of(order));
        const bool refused = result.fault == "launch_failed" &&
                             result.fault_why == "the agent may not act as user 61003";
        ::_exit(ended && refused ? 0 : 1);
    }
    int status{};
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

TEST_F(ShepherdAsUser, OnlyTheUserAndTheAgentReachTheUsersSocket) {
    KHU_NEEDS_ROOT();
    ShepherdOrder order = users("exec sleep 1000");
    order.accepts_steps = 1;
    Attempt attempt = start(order);
    ASSERT_TRUE(wait_for(attempt, AttemptEventKind::Started));
    const Fd dir = spool_->open_attempt(attempt.key());
    const std::string job = spool_->job_dir(attempt.key());

    struct stat status{};
    ASSERT_EQ(::stat((job + "/exec").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, nobody);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    ASSERT_EQ(::stat((spool_->path() + "/7.1/sock").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0U);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    attempt.stop(milliseconds(0), "user_cancel", SIGTERM);
    result_of(attempt);
}

}  // namespace
}  // namespace khu::agent
