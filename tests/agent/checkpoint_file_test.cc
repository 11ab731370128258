/// What a job may leave where its checkpoint is looked for: its directory is its own.

#include "agent/checkpoint_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace khu::agent {
namespace {

class CheckpointFileTest : public ::testing::Test {
protected:
    CheckpointFileTest() {
        char made[] = "/tmp/khu-checkpoint-XXXXXX";
        folder = ::mkdtemp(made);
        file = folder + "/checkpoint";
    }
    ~CheckpointFileTest() override { std::filesystem::remove_all(folder); }

    void write(const std::string& text) const { std::ofstream(file) << text; }
    void set_time(std::int64_t seconds) const {
        const timespec times[2] = {{seconds, 5}, {seconds, 5}};
        ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
    }
    std::optional<CheckpointFile> read() const { return read_checkpoint(AT_FDCWD, file.c_str()); }

    std::string folder, file;
};

TEST_F(CheckpointFileTest, IsThePathAndTheTimeOfTheFile) {
    write("/home/an/step-1.pt\n");
    set_time(::time(nullptr) - 90);

    const auto said = read();

    ASSERT_TRUE(said);
    EXPECT_EQ(said->path, "/home/an/step-1.pt");
    EXPECT_EQ(said->stamp % 1'000'000'000, 5);
    EXPECT_GE(said->age_ms, 89'000);
    EXPECT_LE(said->age_ms, 120'000);
}

TEST_F(CheckpointFileTest, AFileOfTheFutureIsOfNow) {
    write("/home/an/a");
    set_time(::time(nullptr) + 5000);

    ASSERT_TRUE(read());
    EXPECT_EQ(read()->age_ms, 0);
}

TEST_F(CheckpointFileTest, IsNothingWhereThereIsNone) {
    EXPECT_FALSE(read());
}

TEST_F(CheckpointFileTest, TakesNoEmptyNoHugeAndNoBinaryOne) {
    for (const std::string& text :
         {std::string(), std::string("\n"), std::string(5000, 'x'), std::string("a\nb"),
          std::string("a\0b", 3), std::string("\x1b[31m")}) {
        write(text);
        EXPECT_FALSE(read()) << text.size();
    }
}

TEST_F(CheckpointFileTest, FollowsNoLinkAndWaitsForNoPipe) {
    ASSERT_EQ(::symlink("/etc/hostname", file.c_str()), 0);
    EXPECT_FALSE(read());

    ::unlink(file.c_str());
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    EXPECT_FALSE(read());
}

}  // namespace
}  // namespace khu::agent
