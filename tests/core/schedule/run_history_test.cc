#include "core/schedule/run_history.h"

#include <gtest/gtest.h>

#include "core/base/limits.h"

namespace khu {
namespace {

const Moment kNow{1'800'000'000'000};

RunClass kind(const std::string& user, const std::string& enterprise = "0401000001") {
    return {.enterprise = EnterpriseId{enterprise},
            .user = UserId{user},
            .partition = PartitionId{"gpu"},
            .nodes = 1,
            .gpus = 1};
}

void run(RunHistory& history, const RunClass& of, Span ran) {
    history.started(of, kNow);
    history.ended(of, kNow, ran);
}

TEST(RunHistory, PredictsTheMeanOfTheSameUsersRuns) {
    RunHistory history;
    run(history, kind("u-1"), hours(1));
    run(history, kind("u-1"), hours(3));
    run(history, kind("u-2"), hours(9));

    const Prediction made = history.predict(kind("u-1"), hours(24), kNow);

    EXPECT_EQ(made.run, hours(2));
    EXPECT_EQ(made.runs, 2);
}

TEST(RunHistory, FallsBackToTheEnterpriseThenToADayOrTheLimit) {
    RunHistory history;
    EXPECT_EQ(history.predict(kind("u-1"), hours(5), kNow).run, hours(5));
    EXPECT_EQ(history.predict(kind("u-1"), days(30), kNow).run, days(1));

    run(history, kind("u-9", "0401000009"), hours(4));
    EXPECT_EQ(history.predict(kind("u-1"), days(2), kNow).run, days(1));

    run(history, kind("u-2"), hours(2));
    EXPECT_EQ(history.predict(kind("u-1"), days(1), kNow).run, hours(2));
}

TEST(RunHistory, NeverPredictsMoreThanTheLimit) {
    RunHistory history;
    run(history, kind("u-1"), hours(10));

    EXPECT_EQ(history.predict(kind("u-1"), hours(1), kNow).run, hours(1));
}

TEST(RunHistory, LearnsFromWhatStillRuns) {
    RunHistory history;
    run(history, kind("u-1"), hours(1));
    history.started(kind("u-1"), kNow);

    EXPECT_EQ(history.predict(kind("u-1"), days(9), kNow).run, hours(1));
    EXPECT_EQ(history.predict(kind("u-1"), days(9), kNow + hours(8)).run, hours(9));

    history.forgotten(kind("u-1"), kNow);
    EXPECT_EQ(history.predict(kind("u-1"), days(9), kNow + hours(8)).run, hours(1));
}

TEST(RunHistory, ForgetsOldRunsAsNewOnesCome) {
    RunHistory history;
    for (int i = 0; i < 200; ++i) {
        run(history, kind("u-1"), hours(10));
    }
    for (int i = 0; i < 300; ++i) {
        run(history, kind("u-1"), hours(1));
    }

    EXPECT_LT(history.predict(kind("u-1"), days(9), kNow).run, minutes(62));
}

TEST(RunHistory, DropsTheClassesUsedLongestAgoBeyondItsBound) {
    RunHistory history;
    for (std::int64_t user = 0; user < limits::run_classes_max + 10; ++user) {
        run(history, kind(std::to_string(user)), hours(1));
    }

    EXPECT_EQ(static_cast<std::int64_t>(history.classes().size()), limits::run_classes_max);
    EXPECT_FALSE(history.classes().contains(kind("0")));
    EXPECT_TRUE(history.classes().contains(kind(std::to_string(limits::run_classes_max + 9))));
}

TEST(RunHistory, IsTheSameWhenItIsLoadedRowByRow) {
    RunHistory history;
    run(history, kind("u-1"), hours(1));
    history.started(kind("u-2"), kNow);

    RunHistory loaded;
    for (const auto& [of, sums] : history.classes()) {
        loaded.load({of, sums});
    }
    EXPECT_EQ(loaded, history);
}

}  // namespace
}  // namespace khu
