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
