#include "agent/spool.h"

#include <gtest/gtest.h>

#include "tests/agent/shepherd_world.h"

namespace khu::agent {
namespace {

std::string refusal_of(const Expected<Spool, Refusal>& spool) {
    return spool ? "opened" : text(spool.error(), Language::English);
}

TEST(SpoolNames, AreJobAndAttempt) {
    const AttemptKey key{JobId{42}, AttemptNumber{3}};
    EXPECT_EQ(name_of(key), "42.3");
    EXPECT_EQ(key_of("42.3"), key);
    for (const char* name : {"new", "42", "42.", ".3", "042.3", "-1.2", "4.2.1", "", "42.3 "}) {
        EXPECT_FALSE(key_of(name)) << name;
    }
}

TEST(SpoolOpen, TakesOneAgentOnly) {
    const TemporaryDirectory directory;
    const auto first = Spool::open(directory / "spool", {});
    ASSERT_TRUE(first);

    EXPECT_EQ(refusal_of(Spool::open(directory / "spool", {})),
              "the spool " + (directory / "spool") +
                  " of the agent cannot be used: another agent uses it");
}

TEST(SpoolOpen, RefusesADirectoryThatOthersMayWrite) {
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory / "spool");
    std::filesystem::permissions(directory / "spool", std::filesystem::perms(0777));

    EXPECT_NE(
        refusal_of(Spool::open(directory / "spool", {})).find("can be written by another user"),
        std::string::npos);
}

TEST(SpoolOpen, RefusesADirectoryThatUsersCannotReach) {
    KHU_NEEDS_ROOT();
    const TemporaryDirectory directory;
    std::filesystem::permissions(directory.path(), std::filesystem::perms(0700));

    EXPECT_NE(refusal_of(Spool::open(directory / "spool", {}))
                  .find("users may not pass " + directory.path()),
              std::string::npos);
}

TEST(SpoolOpen, RefusesAFileAndARelativePath) {
    const TemporaryDirectory directory;
    std::ofstream(directory / "file") << "x";

    EXPECT_NE(refusal_of(Spool::open(directory / "file", {})).find("Not a directory"),
              std::string::npos);
    EXPECT_NE(refusal_of(Spool::open("spool", {})).find("not an absolute path"), std::string::npos);
}

class SpoolSpare : public ::testing::Test {
protected:
    static AttemptKey key(std::uint64_t job) { return {JobId{job}, AttemptNumber{1}}; }

    /// As a shepherd leaves it: published, with a result and its part of the user emptied.
    void run(std::uint64_t job, const std::string& chdir) {
        ShepherdOrder order;
        order.job = static_cast<std::int64_t>(job);
        order.attempt = 1;
        order.chdir = chdir;
        ASSERT_TRUE(spool_.add(order, 7));
        std::filesystem::rename(of("new/", job), of("", job));
        std::filesystem::create_directory(of("", job) + "/job");
        std::ofstream(of("", job) + "/output") << "said";
        std::ofstream(of("", job) + "/result")
            << "{\"job\":" << job << ",\"attempt\":1,\"exit_code\":" << job << "}";
    }
    std::string of(const std::string& below, std::uint64_t job) const {
        return (directory_ / "spool") + "/" + below + name_of(key(job));
    }

    TemporaryDirectory directory_;
    Spool spool_{Spool::open(directory_ / "spool", {}).value()};
};

TEST_F(SpoolSpare, AForgottenAttemptLeavesNothingOfItselfToTheNext) {
    run(1, std::string(5'000, 'x'));
    spool_.forget(key(1));
    EXPECT_FALSE(std::filesystem::exists(of("", 1)));
    EXPECT_TRUE(spool_.list().empty());

    run(2, "/home");
    EXPECT_EQ(spool_.read_order(key(2))->chdir, "/home");
    EXPECT_EQ(spool_.read_result(key(2))->exit_code, 2);
    std::filesystem::remove(of("", 2) + "/result");
    EXPECT_FALSE(spool_.has_result(key(2)));
    EXPECT_FALSE(spool_.read_result(key(2)));
}

TEST_F(SpoolSpare, WhatAUserLeftBehindIsNotPassedOn) {
    run(1, "/");
    std::ofstream(of("", 1) + "/job/left") << "x";
    spool_.forget(key(1));
    EXPECT_FALSE(std::filesystem::exists(of("", 1)));
    EXPECT_TRUE(std::filesystem::is_empty((directory_ / "spool") + "/spare"));
}

TEST_F(SpoolSpare, TheContentOfAnEarlierAttemptIsNotTakenForThisOne) {
    run(1, "/");
    std::filesystem::rename(of("", 1), of("", 9));  // as after a loss of power
    EXPECT_FALSE(spool_.read_order(key(9)));
    EXPECT_FALSE(spool_.read_result(key(9)));
}

TEST_F(SpoolSpare, IsBounded) {
    for (std::uint64_t job = 1; job <= 300; ++job) {
        run(job, "/");
    }
    for (std::uint64_t job = 1; job <= 300; ++job) {
        spool_.forget(key(job));
    }
    const auto kept = std::filesystem::directory_iterator((directory_ / "spool") + "/spare");
    EXPECT_EQ(std::distance(begin(kept), end(kept)), 256);
}

class SpoolRoom : public ::testing::Test {
protected:
    static std::string refusal_of_room(const std::string& path, SpoolLimits limits) {
        Spool spool = Spool::open(path, limits).value();
        ShepherdOrder order;
        order.job = 1;
        order.attempt = 1;
        order.node = "gn01";
        const auto added = spool.add(order, 0);
        return added ? "added" : text(added.error(), Language::English);
    }
    TemporaryDirectory directory_;
};

TEST_F(SpoolRoom, RefusesWorkWhenTheFileSystemIsNearlyFull) {
    const std::string refusal =
        refusal_of_room(directory_ / "spool", {.free_min = Bytes{std::int64_t{1} << 60}});

    EXPECT_NE(refusal.find("node gn01 could not start the job: spool"), std::string::npos)
        << refusal;
    EXPECT_NE(refusal.find("at least 1048576 TiB are kept"), std::string::npos) << refusal;
}

TEST_F(SpoolRoom, RefusesWorkBeyondItsNumberOfAttempts) {
    EXPECT_NE(refusal_of_room(directory_ / "spool", {.attempts_max = 0}).find("holds 0 attempts"),
              std::string::npos);
    EXPECT_EQ(refusal_of_room(directory_ / "other", {.attempts_max = 1}), "added");
}

TEST_F(SpoolRoom, AFullFileSystemRefusesAndLeavesNothingBehind) {
    KHU_NEEDS_ROOT();
    const std::string mount = directory_ / "full";
    std::filesystem::create_directory(mount);
    if (std::system(("mount -t tmpfs -o size=256k,mode=0711 tmpfs " + mount).c_str()) != 0) {
        GTEST_SKIP() << "needs the right to mount a tmpfs";
    }
    {
        Spool spool =
            Spool::open(mount + "/spool", {.free_min = Bytes{0}, .files_free_min = 0}).value();
        ShepherdOrder order;
        order.job = 1;
        order.attempt = 1;
        order.env = {"BIG=" + std::string(1 << 20, 'x')};

        const auto added = spool.add(order, 0);

        ASSERT_FALSE(added);
        EXPECT_NE(text(added.error(), Language::English).find("No space left"), std::string::npos);
        EXPECT_TRUE(std::filesystem::is_empty(mount + "/spool/new"));
    }
    EXPECT_EQ(std::system(("umount " + mount).c_str()), 0);
}

TEST(SpoolResult, ThatIsNotWholeIsNone) {
    const TemporaryDirectory directory;
    Spool spool = Spool::open(directory / "spool", {}).value();
    std::filesystem::create_directory(directory / "spool/5.1");
    for (const char* content : {"", "{", "[]", "{\"job\":", "garbage", "{\"job\":\"x\"}"}) {
        std::ofstream(directory / "spool/5.1/result") << content;
        EXPECT_FALSE(spool.read_result({JobId{5}, AttemptNumber{1}})) << content;
    }
}

TEST(SpoolForget, RemovesATreeThatAUserMadeAndFollowsNoLink) {
    const TemporaryDirectory directory;
    Spool spool = Spool::open(directory / "spool", {}).value();
    std::filesystem::create_directories(directory / "spool/5.1/job/a/b");
    std::ofstream(directory / "canary") << "alive";
    std::filesystem::create_directory(directory / "outside");
    std::ofstream(directory / "outside/file") << "alive";
    std::filesystem::create_symlink(directory / "canary", directory / "spool/5.1/job/a/link");
    std::filesystem::create_symlink(directory / "outside", directory / "spool/5.1/job/a/b/dir");

    spool.forget({JobId{5}, AttemptNumber{1}});

    EXPECT_FALSE(std::filesystem::exists(directory / "spool/5.1"));
    EXPECT_EQ(text_of(directory / "canary"), "alive");
    EXPECT_EQ(text_of(directory / "outside/file"), "alive");
}

TEST(SpoolLease, CanBeRenewedOnlyForWhatIsThere) {
    const TemporaryDirectory directory;
    const Spool spool = Spool::open(directory / "spool", {}).value();

    EXPECT_FALSE(spool.renew_lease({JobId{5}, AttemptNumber{1}}, 1));
}

}  // namespace
}  // namespace khu::agent
