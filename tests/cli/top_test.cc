#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/commands/all.h"
#include "cli/top/screen.h"

namespace khu::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TopPicture picture(int nodes, int running, int waiting) {
    TopPicture made;
    for (int i = 0; i < nodes; ++i) {
        wire::NodeView node;
        node.name = "gn" + std::to_string(i);
        node.state = i == 0 ? "lost" : "up";
        node.gpus = 8;
        made.nodes.push_back(node);
    }
    for (int i = 0; i < running + waiting; ++i) {
        wire::JobView job;
        job.job = JobId{static_cast<std::uint64_t>(i + 1)};
        job.phase = i < running ? "running" : "queued";
        (i < running ? made.running : made.waiting).push_back(job);
    }
    return made;
}

std::string drawn(const TopPicture& what, const TopSize& size) {
    const Session session(kTop, {}, Language::English);
    return top_screen(session, what, size);
}

TEST(Top, FitsTheTerminalWhateverThereIs) {
    for (const int height : {5, 10, 24, 60}) {
        for (const int many : {0, 3, 100}) {
            const std::string text =
                drawn(picture(many, many, many), {.width = 40, .height = height});

            EXPECT_LE(std::ranges::count(text, '\n'), height) << many;
        }
    }
}

TEST(Top, SaysHowManyRowsAreMissing) {
    const std::string text = drawn(picture(50, 0, 0), {.width = 80, .height = 24});

    EXPECT_THAT(text, HasSubstr("more\n"));
    EXPECT_THAT(drawn(picture(5, 0, 0), {.width = 80, .height = 24}), Not(HasSubstr("more\n")));
}

TEST(Top, ColoursOnlyWhereItMay) {
    EXPECT_THAT(drawn(picture(2, 1, 1), {.width = 80, .height = 24, .colour = true}),
                HasSubstr("\x1b[31mgn0"));
    EXPECT_THAT(drawn(picture(2, 1, 1), {.width = 80, .height = 24}), Not(HasSubstr("\x1b")));
}

TEST(Top, SharesItsLinesByNeed) {
    EXPECT_THAT(shared_lines({5, 5, 5}, 30), ElementsAre(5, 5, 5));
    EXPECT_THAT(shared_lines({50, 50, 50}, 30), ElementsAre(10, 10, 10));
    EXPECT_THAT(shared_lines({50, 2, 50}, 30), ElementsAre(18, 2, 10));
}

}  // namespace
}  // namespace khu::cli
