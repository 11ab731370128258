#include "agent/output_book.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/agent/shepherd_world.h"

namespace khu::agent {
namespace {

AttemptKey attempt(std::uint64_t job) {
    return {JobId{job}, AttemptNumber{1}};
}

OutputFiles files_of(std::uint64_t job) {
    return {.job = JobId{job},
            .attempt = AttemptNumber{1},
            .uid = 1000,
            .output = "/home/an/\"tập\n\" " + std::to_string(job) + ".out",
            .error = {}};
}

std::string output_of(const OutputBook& book, std::uint64_t job) {
    const std::optional<OutputFiles> found = book.find(attempt(job));
    return found ? found->output : "unknown";
}

TEST(OutputBook, IsReadAgainAfterARestart) {
    const TemporaryDirectory directory;
    {
        auto book = OutputBook::open(directory.path());
        ASSERT_TRUE(book);
        ASSERT_TRUE(book->add(files_of(1)) && book->add(files_of(2)));
    }
    const auto again = OutputBook::open(directory.path());
    ASSERT_TRUE(again);
    EXPECT_EQ(output_of(*again, 1), files_of(1).output);
    EXPECT_EQ(again->find(attempt(2))->uid, 1000);
    EXPECT_EQ(output_of(*again, 3), "unknown");
}

TEST(OutputBook, DropsALineThatWasCutOff) {
    const TemporaryDirectory directory;
    {
        auto book = OutputBook::open(directory.path());
        ASSERT_TRUE(book->add(files_of(1)));
        std::ofstream(directory / "outputs.log", std::ios::app) << R"({"job":2,"attem)";
    }
    auto again = OutputBook::open(directory.path());
    ASSERT_TRUE(again);
    ASSERT_TRUE(again->add(files_of(3)));
    const auto third = OutputBook::open(directory.path());
    EXPECT_EQ(output_of(*third, 1), files_of(1).output);
    EXPECT_EQ(output_of(*third, 2), "unknown");
    EXPECT_EQ(output_of(*third, 3), files_of(3).output);
}

TEST(OutputBook, KeepsTheNewestOnly) {
    const TemporaryDirectory directory;
    auto book = OutputBook::open(directory.path(), 20);
    ASSERT_TRUE(book);
    for (std::uint64_t job = 1; job <= 95; ++job) {
        ASSERT_TRUE(book->add(files_of(job)));
        for (std::uint64_t back = 0; back < std::min<std::uint64_t>(job, 10); ++back) {
            ASSERT_EQ(output_of(*book, job - back), files_of(job - back).output) << job;
        }
        if (job > 20) {
            ASSERT_EQ(output_of(*book, job - 20), "unknown") << job;
        }
    }
    const auto again = OutputBook::open(directory.path(), 20);
    EXPECT_EQ(output_of(*again, 75), output_of(*book, 75));
    EXPECT_EQ(output_of(*again, 95), files_of(95).output);
}

TEST(OutputBook, NamesTheDirectoryItCannotUse) {
    const auto book = OutputBook::open("/nowhere");
    ASSERT_FALSE(book);
    EXPECT_EQ(text(book.error(), Language::English),
              "the spool /nowhere/outputs.log of the agent cannot be used: "
              "No such file or directory");
}

}  // namespace
}  // namespace khu::agent
