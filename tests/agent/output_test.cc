#include "agent/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/agent/shepherd_world.h"

namespace khu::agent {
namespace {

TEST(ExpandOutput, KnowsJobNodeRankAndArrayIndex) {
    const OutputNames names{.job = 42, .array_index = 7, .node = "gn01", .rank = 3};

    EXPECT_EQ(expand_output("khu-%j.out", names), "khu-42.out");
    EXPECT_EQ(expand_output("%N/%t-%a%%.%x%", names), "gn01/3-7%.%x%");
    EXPECT_EQ(expand_output("", names), "");
}

class OpenOutput : public ::testing::Test {
protected:
    OpenOutput() : dir_(::open(directory_.path().c_str(), O_PATH | O_DIRECTORY)) {}

    TemporaryDirectory directory_;
    Fd dir_;
};

TEST_F(OpenOutput, MakesAFileAndAppends) {
    for (const char* text : {"one\n", "two\n"}) {
        const OpenedOutput opened = open_output(dir_.get(), "out", false);
        ASSERT_TRUE(opened.fd) << opened.why;
        ASSERT_EQ(::write(opened.fd.get(), text, 4), 4);
    }
    EXPECT_EQ(text_of(directory_ / "out"), "one\ntwo\n");
}

TEST_F(OpenOutput, FollowsTheUsersOwnLinks) {
    std::filesystem::create_directory(directory_ / "logs");
    ::symlink("logs/deep", (directory_ / "out").c_str());
    ::symlink("real", (directory_ / "logs/deep").c_str());

    const OpenedOutput opened = open_output(dir_.get(), "out", true);

    ASSERT_TRUE(opened.fd) << opened.why;
    EXPECT_TRUE(std::filesystem::exists(directory_ / "logs/real"));
}

TEST_F(OpenOutput, EndsAtALinkToItself) {
    ::symlink("out", (directory_ / "out").c_str());

    EXPECT_EQ(open_output(dir_.get(), "out", true).error, ELOOP);
}

TEST_F(OpenOutput, IsNotHeldUpByAPipeThatNobodyReads) {
    ASSERT_EQ(::mkfifo((directory_ / "out").c_str(), 0600), 0);

    const OpenedOutput opened = open_output(dir_.get(), "out", true);

    EXPECT_FALSE(opened.fd);
    EXPECT_EQ(opened.error, ENXIO);
}

TEST_F(OpenOutput, RefusesDirectories) {
    EXPECT_EQ(open_output(dir_.get(), ".", true).error, EISDIR);
}

TEST_F(OpenOutput, AcceptsTheNullDeviceAndGivesABlockingFile) {
    const OpenedOutput opened = open_output(dir_.get(), "/dev/null", true);

    ASSERT_TRUE(opened.fd) << opened.why;
    EXPECT_EQ(::fcntl(opened.fd.get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(opened.fd.get(), F_GETFL) & O_APPEND, 0);
}

}  // namespace
}  // namespace khu::agent
